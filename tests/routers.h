// The kernels of the router: one of each head size and tier.
#pragma once
#include <gtest/gtest.h>

#include <set>

#include "tests/harness.h"

namespace lacuna {

constexpr double kEpsilon = 1.1920929e-7;

// Head sizes and tiers: kernels that differ in pattern or V alone share these functions.
inline std::vector<lac_kernel> kernels() {
    std::vector<lac_kernel> all;
    std::set<int> head_dims;
    for (int i = 0; i < lac_kernels.kernel_count; i++) {
        const lac_kernel_entry &e = lac_kernels.kernels[i];
        if (!head_dims.insert(e.head_dim).second) continue;
        for (const std::string &tier : runnable_tiers()) all.push_back(find_kernel(e, tier));
    }
    return all;
}

class EveryRouter : public testing::TestWithParam<lac_kernel> {
protected:
    static const lac_variant &variant() { return *GetParam().variant; }
    static int d() { return variant().head_dim; }
};

inline std::string router_name(const testing::TestParamInfo<lac_kernel> &info) {
    return "d" + std::to_string(info.param.variant->head_dim) + "_" + info.param.variant->tier;
}

}  // namespace lacuna
