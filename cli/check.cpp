#include "cli/check.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <limits>

#include "cli/elements.h"
#include "patterns/pattern.h"
#include "tests/oracle.h"

namespace lacuna {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Of weights of 8 bits in steps of 1/32 octave (docs/types.md).
constexpr double kFixed8Tolerance = 1e-3, kFixed8LogSumExpTolerance = 0.1;

struct HeadAgreement {
    double nmse, tolerance, max_abs_error, log_sum_exp_error, log_sum_exp_tolerance;
    double excess() const {
        return std::max(nmse / tolerance, log_sum_exp_error / log_sum_exp_tolerance);
    }
};

// A non-finite result where the reference has a number is infinitely wrong.
double error_of(double want, double got) {
    if (want == got) return 0;
    return std::isfinite(got) ? std::abs(got - want) : kInfinity;
}

HeadAgreement compare(const OracleOutput &reference, lac_type type, const float *out,
                      const float *log_sum_exp) {
    const double rounding = 8 * FLT_EPSILON * reference.largest_score;
    HeadAgreement result{0, std::max(1e-12, rounding * rounding), 0, 0, 0};
    std::vector<double> want, got;
    double stored_error = 0, power = 0;
    for (size_t i = 0; i < reference.out.size(); i++) {
        const double row = reference.out[i];
        if (!std::isfinite(as_stored({static_cast<float>(row)}, type)[0])) continue;
        stored_error += std::pow(rounding_error(type, row), 2);
        power += row * row;
        want.push_back(reference.out[i]);
        got.push_back(out[i]);
        result.max_abs_error = std::max(result.max_abs_error, error_of(want.back(), got.back()));
    }
    result.nmse = std::isfinite(result.max_abs_error) ? nmse(want, got) : kInfinity;
    if (power > 0) result.tolerance += stored_error / power;
    double largest = std::max(1.0, reference.largest_score);
    for (size_t i = 0; i < reference.log_sum_exp.size(); i++) {
        const double row = reference.log_sum_exp[i];
        if (std::isnan(row) || row == kInfinity) continue;
        if (std::isfinite(row)) largest = std::max(largest, std::abs(row));
        result.log_sum_exp_error =
            std::max(result.log_sum_exp_error, error_of(row, log_sum_exp[i]));
    }
    result.log_sum_exp_tolerance = 8 * FLT_EPSILON * largest;
    return result;
}

// What the types of a head may be off by, beside f32's own roundings. `mixed`: K is of integers,
// and keys that are listed one by one meet Q as it is, those in panels Q as integers.
void allow_for_types(const ProblemSize &s, bool mixed, double largest_score, HeadAgreement &a) {
    if (s.dtypes.v == LAC_I8) a.tolerance += kWeightRounding;
    if (s.dtypes.halves()) {
        const double rounding = half_rounding_error(largest_score);
        a.tolerance += rounding * rounding;
        a.log_sum_exp_tolerance += 2 * rounding;
    } else if (s.dtypes.fixed8()) {
        a.tolerance = kFixed8Tolerance;
        a.log_sum_exp_tolerance = kFixed8LogSumExpTolerance;
    } else if (mixed) {
        const double rounding = query_rounding_error(largest_score);
        a.tolerance += rounding * rounding;
        a.log_sum_exp_tolerance += 2 * rounding;
    }
}

}  // namespace

Agreement check_against_oracle(const Tensors &tensors, const lac_pattern &pattern,
                               const lac_lists *lists, double scale, double softcap,
                               const std::vector<float> &out,
                               const std::vector<float> &log_sum_exp) {
    const ProblemSize &s = tensors.size;
    Agreement worst;
    double worst_excess = -1;
    const std::vector<int32_t> starts(static_cast<size_t>(s.batch), s.q_start);
    const lac_shape shape = s.shape(starts.data(), lists);
    for (int64_t unit = 0; unit < int64_t{s.batch} * s.heads; unit++) {
        const int64_t sequence = unit / s.heads, head = unit % s.heads;
        const int64_t kv = sequence * s.kv_heads + head / (s.heads / s.kv_heads);
        const OracleInput input{&pattern,
                                &shape,
                                static_cast<int32_t>(sequence),
                                static_cast<int32_t>(head),
                                s.q_tokens,
                                s.k_tokens,
                                s.q_start,
                                s.head_dim,
                                s.value_dim,
                                scale,
                                softcap};
        const auto head_rows = static_cast<int64_t>(s.q_tokens) * s.head_dim;
        const float *const first = &tensors.q.data[unit * head_rows];
        std::vector<float> q(first, first + head_rows);
        const bool fixed8 = s.dtypes.fixed8();
        const bool integers = s.dtypes.k == LAC_I8 && !fixed8,
                   mixed = integers && lists_single_keys(pattern);
        if (integers && !mixed) q = as_queried(q, static_cast<size_t>(s.head_dim), scale);
        const OracleOutput reference =
            oracle(input, q.data(), &tensors.k.data[kv * s.k_tokens * s.head_dim],
                   &tensors.v.data[kv * s.k_tokens * s.value_dim]);
        HeadAgreement a =
            compare(reference, fixed8 ? LAC_F32 : s.dtypes.q, &out[unit * s.q_tokens * s.value_dim],
                    &log_sum_exp[unit * s.q_tokens]);
        allow_for_types(s, mixed, reference.largest_score, a);
        const double max_abs_error = std::max(worst.max_abs_error, a.max_abs_error);
        if (a.excess() > worst_excess) {
            worst = {a.nmse,
                     a.tolerance,
                     0,
                     sequence,
                     head,
                     a.log_sum_exp_error,
                     a.log_sum_exp_tolerance};
            worst_excess = a.excess();
        }
        worst.max_abs_error = max_abs_error;
    }
    return worst;
}

}  // namespace lacuna
