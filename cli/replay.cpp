#include "cli/replay.h"

#include <algorithm>

namespace lacuna {

namespace {

lac_tensor rows(void *data, const ProblemSize &s, int32_t first, int32_t count, int32_t features) {
    lac_tensor t = lac::tensor(s.dtypes.q, data, s.batch, s.heads, s.q_tokens, features);
    t.data = static_cast<uint8_t *>(t.data) + first * t.token_stride;
    t.tokens = count;
    return t;
}

}  // namespace

void replay(Decoder &decoder, const ProblemSize &s, int32_t chunk, const Arrays &arrays,
            lac_args args) {
    float *const log_sum_exp = args.log_sum_exp;
    std::vector<float> sums;
    while (decoder.tokens() < s.k_tokens) {
        const int32_t first = decoder.tokens(), count = std::min(chunk, s.k_tokens - first);
        decoder.append(arrays.k, arrays.v, count);
        decoder.plan(count);
        sums.resize(static_cast<size_t>(s.units()) * count);
        args.log_sum_exp = sums.data();
        decoder.step(rows(arrays.q, s, first, count, s.head_dim),
                     rows(arrays.out, s, first, count, s.value_dim), args);
        if (!log_sum_exp) continue;
        for (int64_t unit = 0; unit < s.units(); unit++)
            std::copy_n(&sums[static_cast<size_t>(unit) * count], count,
                        log_sum_exp + unit * s.q_tokens + first);
    }
}

}  // namespace lacuna
