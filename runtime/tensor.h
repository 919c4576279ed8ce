// Where a tensor's rows lie.
#pragma once
#include "runtime/elements.h"

namespace lacuna {

inline uint8_t *row_at(const lac_tensor &t, int64_t sequence, int64_t head, int64_t token) {
    return static_cast<uint8_t *>(t.data) + sequence * t.batch_stride + head * t.head_stride +
           token * t.token_stride;
}
// The scale of a row of integers.
inline float *scale_at(const lac_tensor &t, int64_t sequence, int64_t head, int64_t token) {
    if (t.type != LAC_I8) return nullptr;
    const int64_t by_head = t.scale_head_stride ? t.scale_head_stride : t.tokens;
    const int64_t by_batch = t.scale_batch_stride ? t.scale_batch_stride : by_head * t.heads;
    return const_cast<float *>(t.scales) + sequence * by_batch + head * by_head + token;
}
// fixed8: that of a KV head of K or V.
inline float *head_scale_at(const lac_tensor &t, int64_t sequence, int64_t head) {
    const int64_t by_head = t.scale_head_stride ? t.scale_head_stride : 1;
    const int64_t by_batch = t.scale_batch_stride ? t.scale_batch_stride : t.heads;
    return const_cast<float *>(t.scales) + sequence * by_batch + head * by_head;
}
inline Elements elements_at(const lac_tensor &t, int64_t sequence, int64_t head, int64_t token) {
    return {row_at(t, sequence, head, token), t.type};
}

}  // namespace lacuna
