// Tests of a kernel of tests/kernels.json, by its number, on a tier.
#pragma once
#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

#include "tests/harness.h"

namespace lacuna {

using KernelOnTier = std::tuple<int, std::string>;

inline std::string kernel_on_tier_name(const testing::TestParamInfo<KernelOnTier> &info) {
    return lac_kernels.kernels[std::get<0>(info.param)].name + ("_" + std::get<1>(info.param));
}

template <class Choose>
std::vector<int> kernels_where(Choose choose) {
    std::vector<int> chosen;
    for (int i = 0; i < lac_kernels.kernel_count; i++)
        if (choose(lac_kernels.kernels[i])) chosen.push_back(i);
    return chosen;
}

template <class Choose>
auto kernels_on_tiers(Choose choose) {
    return testing::Combine(testing::ValuesIn(kernels_where(choose)),
                            testing::ValuesIn(runnable_tiers()));
}

}  // namespace lacuna
