#include "cli/replay.h"

#include <algorithm>

namespace lacuna {

namespace {

lac_tensor rows(lac_tensor t, int32_t first, int32_t count) {
    t.data = static_cast<uint8_t *>(t.data) + first * t.token_stride;
    if (t.scales) t.scales += first;
    t.scale_head_stride = t.tokens;
    t.scale_batch_stride = int64_t{t.heads} * t.tokens;
    t.tokens = count;
    return t;
}

}  // namespace

void replay(Decoder &decoder, const ProblemSize &s, int32_t chunk, const Arrays &arrays,
            lac_args args) {
    float *const log_sum_exp = args.log_sum_exp;
    const lac_tensor q = s.query_tensor(arrays.q),
                     out = lac::tensor(s.dtypes.out(), arrays.out, s.batch, s.heads, s.q_tokens,
                                       s.value_dim);
    std::vector<float> sums;
    while (decoder.tokens() < s.k_tokens) {
        const int32_t first = decoder.tokens(), count = std::min(chunk, s.k_tokens - first);
        decoder.append(arrays.k, arrays.v, count);
        decoder.plan(count);
        sums.resize(static_cast<size_t>(s.units()) * count);
        args.log_sum_exp = sums.data();
        decoder.step(rows(q, first, count), rows(out, first, count), args);
        if (!log_sum_exp) continue;
        for (int64_t unit = 0; unit < s.units(); unit++)
            std::copy_n(&sums[static_cast<size_t>(unit) * count], count,
                        log_sum_exp + unit * s.q_tokens + first);
    }
}

}  // namespace lacuna
