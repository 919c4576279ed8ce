// A result against the float64 reference.
#pragma once
#include <vector>

#include "cli/tensors.h"

namespace lacuna {

// Of the head that agrees least.
struct Agreement {
    double nmse = 0, tolerance = 0;
    double max_abs_error = 0;  // over all heads
    int64_t sequence = 0, head = 0;
    double log_sum_exp_error = 0, log_sum_exp_tolerance = 0;  // largest |error|

    bool holds() const { return nmse <= tolerance && log_sum_exp_error <= log_sum_exp_tolerance; }
};

// Elements that the reference, or the output's type, finds non-finite are left out: a kept NaN or
// Inf promises nothing but a non-finite result.
Agreement check_against_oracle(const Tensors &tensors, const lac_pattern &pattern,
                               const lac_lists *lists, double scale, double softcap,
                               const std::vector<float> &out,
                               const std::vector<float> &log_sum_exp);

}  // namespace lacuna
