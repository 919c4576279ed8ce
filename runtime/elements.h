// Elements whose type is known at run time alone.
#pragma once
#include "runtime/include/lacuna/lacuna.h"

namespace lacuna {

// log2 of an element's bytes.
inline int32_t type_shift(lac_type type) {
    if (type == LAC_I8) return 0;
    return type == LAC_F32 ? 2 : 1;
}
inline int64_t type_bytes(lac_type type) { return int64_t{1} << type_shift(type); }

// A distance in elements as kernels take it; validation has seen that it is whole and fits.
inline int32_t elements_in(int64_t bytes, lac_type type) {
    return static_cast<int32_t>(bytes >> type_shift(type));
}

// Where a key's first feature lies in a plane of V that holds `group` keys side by side.
inline ptrdiff_t grouped_value_at(int32_t key, int32_t group, int32_t plane) {
    return ptrdiff_t{key / group} * group * plane + key % group;
}

struct Elements {
    uint8_t *data;
    lac_type type;
    Elements from(int64_t index) const { return {data + index * type_bytes(type), type}; }
};

}  // namespace lacuna
