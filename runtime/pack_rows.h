// Rows of K and V into panels, a kernel call each.
#pragma once
#include "runtime/tensor.h"
#include "runtime/workspace.h"

namespace lacuna {

// Rows of one KV head, some tokens apart.
struct TokenRows {
    Elements elements;
    const float *scales;  // of integers
    int32_t stride;       // in elements
    int32_t scale_stride;
    int32_t count;
};
inline TokenRows rows_of(const lac_tensor &t, int64_t sequence, int64_t head, int64_t token,
                         int32_t count, int64_t apart) {
    return {elements_at(t, sequence, head, token), scale_at(t, sequence, head, token),
            count > 1 ? elements_in(apart * t.token_stride, t.type) : 0,
            count > 1 ? static_cast<int32_t>(apart) : 0, count};
}

// Into panels first…first+panels-1; rows of Q's type are rounded to that of the panels. `inverse`,
// of the features' factors, is read where K becomes integers.
void pack_keys(const lac_variant &v, const PackedStore &to, int64_t first, int32_t panels,
               const TokenRows &rows, const float *inverse);
void pack_values(const lac_variant &v, const PackedStore &to, int64_t first, int32_t panels,
                 const TokenRows &rows);

}  // namespace lacuna
