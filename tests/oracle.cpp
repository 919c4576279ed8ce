#include "tests/oracle.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace lacuna {

namespace {

double score(const OracleInput &in, const float *q, const float *k) {
    double dot = 0;
    for (int64_t d = 0; d < in.head_dim; d++) dot += static_cast<double>(q[d]) * k[d];
    dot *= in.scale;
    return in.softcap > 0 ? in.softcap * std::tanh(dot / in.softcap) : dot;
}

double longest_row(const float *rows, int64_t count, int64_t features) {
    double longest = 0;
    for (int64_t at = 0; at < count * features; at += features) {
        double power = 0;
        for (int64_t d = at; d < at + features; d++) power += double(rows[d]) * rows[d];
        if (std::isfinite(power)) longest = std::max(longest, std::sqrt(power));
    }
    return longest;
}

// Sums of products are about as large as the scores of rows in random directions, of which those of
// kept keys may be small, or made so by a softcap.
double usual_score(const OracleInput &in, const float *q, const float *k) {
    return std::abs(in.scale) * longest_row(q, in.q_tokens, in.head_dim) *
           longest_row(k, in.k_tokens, in.head_dim) / std::sqrt(double(in.head_dim));
}

}  // namespace

OracleOutput oracle(const OracleInput &in, const float *q, const float *k, const float *v) {
    OracleOutput result;
    result.largest_score = usual_score(in, q, k);
    result.out.assign(static_cast<size_t>(in.q_tokens * in.value_dim), 0.0);
    result.log_sum_exp.assign(static_cast<size_t>(in.q_tokens),
                              -std::numeric_limits<double>::infinity());
    for (int64_t row = 0; row < in.q_tokens; row++) {
        std::vector<int64_t> kept;
        std::vector<double> scores;
        for (int64_t key = 0; key < in.k_tokens; key++) {
            if (lac_pattern_attends(in.pattern, in.shape, in.sequence, in.head,
                                    static_cast<int32_t>(in.q_start + row),
                                    static_cast<int32_t>(key))) {
                kept.push_back(key);
                const auto distance = static_cast<double>(std::abs(in.q_start + row - key));
                scores.push_back(score(in, q + row * in.head_dim, k + key * in.head_dim) -
                                 in.slope * distance);
                result.largest_score = std::max(result.largest_score, std::abs(scores.back()));
            }
        }
        if (kept.empty()) continue;
        const double most = *std::max_element(scores.begin(), scores.end());
        double sum = 0;
        for (double &s : scores) sum += s = std::exp(s - most);
        for (size_t i = 0; i < kept.size(); i++)
            for (int64_t d = 0; d < in.value_dim; d++)
                result.out[static_cast<size_t>(row * in.value_dim + d)] +=
                    scores[i] / sum * v[kept[i] * in.value_dim + d];
        result.log_sum_exp[static_cast<size_t>(row)] = most + std::log(sum);
    }
    return result;
}

double rounding_error(lac_type type, double x) {
    if (type == LAC_F32) return 0;  // it has the arithmetic's own precision
    if (type == LAC_F16) return std::max(std::abs(x) * 0x1p-11, 0x1p-25);
    return std::abs(x) * 0x1p-8;
}

double query_rounding_error(double score) { return 0x1p-13 * (1 + score); }

// 32 roundings of growing sums, each by up to 2^-11, come to sqrt(32 / 6) of that.
double half_rounding_error(double score) { return 0x1p-10 * (1 + score); }

double nmse(const std::vector<double> &want, const std::vector<double> &got) {
    double error = 0, power = 0;
    for (size_t i = 0; i < want.size(); i++) {
        error += (got[i] - want[i]) * (got[i] - want[i]);
        power += want[i] * want[i];
    }
    return error == 0 ? 0 : error / power;
}

}  // namespace lacuna
