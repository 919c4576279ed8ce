// The one reference: attention in float64, plain loops over the pattern's definition. It shares
// no code with plan, kernels or runtime.
#pragma once
#include <cstdint>
#include <vector>

#include "runtime/include/lacuna/lacuna.h"

namespace lacuna {

struct OracleInput {
    const lac_pattern *pattern;
    const lac_shape *shape;  // with the lists that the pattern reads
    int32_t sequence, head;  // of the batch; query head
    int64_t q_tokens, k_tokens, q_start;
    int64_t head_dim, value_dim;
    double scale, softcap = 0;
    double slope = 0;  // of ALiBi
};

// One head: q [q_tokens, head_dim], k [k_tokens, head_dim], v [k_tokens, value_dim].
struct OracleOutput {
    std::vector<double> out;          // [q_tokens, value_dim]
    std::vector<double> log_sum_exp;  // [q_tokens]
    double largest_score = 0;         // |score| over kept pairs, or of rows in random directions
};
OracleOutput oracle(const OracleInput &in, const float *q, const float *k, const float *v);

// How far storing x as an element may move it: half a unit in the last place.
double rounding_error(lac_type type, double x);

// How far rounding Q to integers may move a score, usually and at most twice as far, where the
// reference has not rounded it.
double query_rounding_error(double score);

// What the NMSE of a result may grow by where weights meet V of 8 bits as integers: each of an
// item's 320 keys at most is off by half of 2^-14 of the largest weight or less, as noise is; twice
// that.
constexpr double kWeightRounding = 2 * 320 * 0x1p-30 / 3;

// What arithmetic in f16 is off by, usually and at most twice as much: scores, and weights
// relatively.
double half_rounding_error(double score);

// Σ(got - want)² / Σ want²; 0 when both are zero.
double nmse(const std::vector<double> &want, const std::vector<double> &got);

}  // namespace lacuna
