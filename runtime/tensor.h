// Where a tensor's rows lie.
#pragma once
#include "runtime/include/lacuna/lacuna.h"

namespace lacuna {

inline uint8_t *row_at(const lac_tensor &t, int64_t sequence, int64_t head, int64_t token) {
    return static_cast<uint8_t *>(t.data) + sequence * t.batch_stride + head * t.head_stride +
           token * t.token_stride;
}
inline const float *floats_at(const lac_tensor &t, int64_t sequence, int64_t head, int64_t token) {
    return reinterpret_cast<const float *>(row_at(t, sequence, head, token));
}

// A stride as kernels take it; validation has seen that it fits.
inline int32_t elements(int64_t bytes) {
    return static_cast<int32_t>(bytes / static_cast<int64_t>(sizeof(float)));
}

}  // namespace lacuna
