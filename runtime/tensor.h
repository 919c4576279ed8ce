// Where a tensor's rows lie.
#pragma once
#include "runtime/elements.h"

namespace lacuna {

inline uint8_t *row_at(const lac_tensor &t, int64_t sequence, int64_t head, int64_t token) {
    return static_cast<uint8_t *>(t.data) + sequence * t.batch_stride + head * t.head_stride +
           token * t.token_stride;
}
inline Elements elements_at(const lac_tensor &t, int64_t sequence, int64_t head, int64_t token) {
    return {row_at(t, sequence, head, token), t.type};
}

}  // namespace lacuna
