#include "runtime/pack.h"

namespace lacuna {

namespace {

// Panels first…first+count-1 of one residue class.
struct Part {
    int32_t store, residue;
    int64_t first, count;
};

Part part_of(const lac_plan &plan, const Layout &layout, int32_t task) {
    for (int32_t s = 0; s < plan.store_count; s++) {
        const int64_t panels = layout.panels_per_residue[s];
        const auto per_residue = static_cast<int32_t>(ceil_div(panels, kPackPanels));
        const int32_t tasks = per_residue * residues_in(plan.store[s], layout);
        if (task < tasks) {
            const int64_t first = static_cast<int64_t>(task % per_residue) * kPackPanels;
            return {s, task / per_residue, first, smaller(panels - first, (int64_t)kPackPanels)};
        }
        task -= tasks;
    }
    return {};
}

const float *at(const lac_tensor &t, int32_t sequence, int32_t head, int64_t token) {
    return reinterpret_cast<const float *>(static_cast<const uint8_t *>(t.data) +
                                           sequence * t.batch_stride + head * t.head_stride +
                                           token * t.token_stride);
}

}  // namespace

void pack_task(const Call &call, const Workspace &workspace, const Layout &layout,
               int32_t sequence, int32_t kv_head, int32_t slot, int32_t task) {
    const lac_plan &plan = *call.plan;
    const lac_variant &v = *plan.variant;
    const Part part = part_of(plan, layout, task);
    const PackedStore store = workspace.store(slot, part.store);
    const int64_t modulus = plan.store[part.store].modulus;
    const int64_t panel = part.residue * static_cast<int64_t>(
                              layout.panels_per_residue[part.store]) + part.first;
    const int64_t token = part.residue + part.first * v.panel_keys * modulus;
    const auto panels = static_cast<int32_t>(part.count);
    // A residue class may end, or be empty, before its last panel does.
    const int64_t left = token < layout.k_tokens ? ceil_div(layout.k_tokens - token, modulus) : 0;
    const auto keys = static_cast<int32_t>(
        smaller(left, part.count * static_cast<int64_t>(v.panel_keys)));
    const int64_t source = keys > 0 ? token : 0;
    const auto stride = [&](const lac_tensor &t) {
        return keys > 1 ? static_cast<int32_t>(modulus * t.token_stride / (int64_t)sizeof(float))
                        : 0;
    };
    const int32_t extent = larger(keys, 1);
    View<2> k(at(call.k, sequence, kv_head, source), Dim{v.head_dim, 1},
              Dim{extent, stride(call.k)});
    View<3> packed_k(store.keys + panel * v.panel_keys * v.head_dim, Dim{v.panel_keys, 1},
                     Dim{v.head_dim, v.panel_keys}, Dim{panels, v.panel_keys * v.head_dim});
    View<1> k_flags(store.keys_nonfinite + panel, Dim{panels, 1});
    v.pack_keys(&k, keys, &packed_k, &k_flags);

    const int32_t panel_floats = v.panel_keys * v.plane;
    View<2> values(at(call.v, sequence, kv_head, source), Dim{v.value_dim, 1},
                   Dim{extent, stride(call.v)});
    View<1> v_flags(store.values_nonfinite + panel, Dim{panels, 1});
    View<4> packed_v(store.values + panel * panel_floats, Dim{v.plane, 1},
                     Dim{v.panel_keys, v.plane}, Dim{panels, panel_floats},
                     Dim{v.value_planes, static_cast<int32_t>(store.panels * panel_floats)});
    v.pack_values(&values, keys, &packed_v, &v_flags);
}

}  // namespace lacuna
