// Packed panels as kernels see them.
#pragma once
#include "runtime/buffer.h"
#include "runtime/workspace.h"

namespace lacuna {

// K to be read: of integers, some features of a key stand side by side.
inline View<3> key_panels(const lac_variant &v, const PackedStore &store) {
    const int32_t beside = key_group(v), in_row = v.panel_keys * beside;
    const int32_t size = v.panel_keys * key_elements(v);
    return View<3>(store.keys, Dim{in_row, 1}, Dim{size / in_row, in_row},
                   Dim{static_cast<int32_t>(store.panels), size});
}

// K to be written, some panels from one on: a group of integers is one element.
inline View<3> key_panels_to_pack(const lac_variant &v, const PackedStore &store, int64_t first,
                                  int32_t panels) {
    const int32_t keys = v.panel_keys, elements = key_elements(v);
    uint8_t *const data = store.keys.from(first * keys * elements).data;
    const int32_t rows = elements / key_group(v);
    const Dim key{keys, 1}, row{rows, keys}, panel{panels, keys * rows};
    if (v.key_type != LAC_I8) return {Elements{data, v.key_type}, key, row, panel};
    if (v.key_group == 4) return {reinterpret_cast<uint32_t *>(data), key, row, panel};
    return {reinterpret_cast<uint16_t *>(data), key, row, panel};
}

// V to be read: of integers, a feature of some keys stands side by side.
inline View<4> value_panels(const lac_variant &v, const PackedStore &store) {
    const int32_t beside = value_group(v), row = beside * v.plane, size = v.panel_keys * v.plane;
    const auto panels = static_cast<int32_t>(store.panels);
    return View<4>(store.values, Dim{row, 1}, Dim{v.panel_keys / beside, row}, Dim{panels, size},
                   Dim{v.value_planes, panels * size});
}

// V to be written, as K is.
inline View<4> value_panels_to_pack(const lac_variant &v, const PackedStore &store, int64_t first,
                                    int32_t panels) {
    const int32_t beside = value_group(v), rows = v.panel_keys / beside, size = rows * v.plane;
    const Elements to = store.values.from(first * size * beside);
    const Dim feature{v.plane, 1}, row{rows, v.plane}, panel{panels, size},
        plane{v.value_planes, static_cast<int32_t>(store.panels * size)};
    if (beside == 1) return {to, feature, row, panel, plane};
    if (beside == 4) return {reinterpret_cast<uint32_t *>(to.data), feature, row, panel, plane};
    return {reinterpret_cast<uint16_t *>(to.data), feature, row, panel, plane};
}

// Of some panels; empty where K or V has none.
inline View<2> panel_scales(const lac_variant &v, float *scales, int64_t first, int32_t panels) {
    if (!scales) return View<2>(scales, Dim{0, 1}, Dim{0, v.panel_keys});
    return View<2>(scales + first * v.panel_keys, Dim{v.panel_keys, 1}, Dim{panels, v.panel_keys});
}

// Scales of rows, some apart; unread where rows have none.
inline View<1> row_scales(const float *scales, int32_t rows, int32_t stride) {
    return View<1>(scales, Dim{rows, stride});
}

}  // namespace lacuna
