// A problem run on a kernel agrees with the oracle.
#pragma once
#include <gtest/gtest.h>

#include "tests/harness.h"

namespace lacuna {

inline void expect_agrees(const lac_kernel &kernel, const Problem &p, Tensors &t) {
    ASSERT_EQ(run(kernel, p, t), LAC_OK) << p.describe();
    const Judgement j = judge(p, t);
    EXPECT_LE(j.error_ratio, 1.0) << p.describe();
    EXPECT_LE(j.log_sum_exp_error, 2e-6) << p.describe();
}

}  // namespace lacuna
