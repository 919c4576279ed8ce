#include "runtime/pack_rows.h"

#include "runtime/panels.h"

namespace lacuna {

void pack_keys(const lac_variant &v, const PackedStore &to, int64_t first, int32_t panels,
               const TokenRows &rows, const float *inverse) {
    View<2> from(rows.elements, Dim{v.head_dim, 1}, Dim{larger(rows.count, 1), rows.stride});
    View<1> from_scales(rows.scales, Dim{rows.count, rows.scale_stride});
    View<1> inverses(inverse, Dim{v.head_dim, 1});
    View<3> packed = key_panels_to_pack(v, to, first, panels);
    View<1> flags(to.keys_nonfinite + first, Dim{panels, 1});
    View<2> scales = panel_scales(v, to.key_scales, first, panels);
    const auto kernel = rows.elements.type == v.key_type ? v.pack_keys : v.append_keys;
    kernel(&from, &from_scales, rows.count, &inverses, &packed, &flags, &scales);
}

void pack_values(const lac_variant &v, const PackedStore &to, int64_t first, int32_t panels,
                 const TokenRows &rows) {
    View<2> from(rows.elements, Dim{v.value_dim, 1}, Dim{larger(rows.count, 1), rows.stride});
    View<1> from_scales(rows.scales, Dim{rows.count, rows.scale_stride});
    View<4> packed = value_panels_to_pack(v, to, first, panels);
    View<1> flags(to.values_nonfinite + first, Dim{panels, 1});
    View<2> scales = panel_scales(v, to.value_scales, first, panels);
    const auto kernel = rows.elements.type == v.value_type ? v.pack_values : v.append_values;
    kernel(&from, &from_scales, rows.count, &packed, &flags, &scales);
}

}  // namespace lacuna
