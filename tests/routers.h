// The kernels of the router: one of each head size and tier.
#pragma once
#include <gtest/gtest.h>

#include <set>
#include <tuple>

#include "tests/harness.h"

namespace lacuna {

constexpr double kEpsilon = 1.1920929e-7;

// Types, head sizes and tiers: kernels that differ in pattern or V alone share these functions.
inline std::vector<lac_kernel> kernels(bool of_all_types) {
    std::vector<lac_kernel> all;
    std::set<std::tuple<int, int, int>> seen;
    for (int i = 0; i < lac_kernels.kernel_count; i++) {
        const lac_kernel_entry &e = lac_kernels.kernels[i];
        const bool f32 = e.type == LAC_F32 && e.key_type == LAC_F32;
        if ((!f32 && !of_all_types) || !seen.insert({e.head_dim, e.type, e.key_type}).second)
            continue;
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
    const lac_variant &v = *info.param.variant;
    return "types" + std::to_string(v.type) + std::to_string(v.key_type) + "_d" +
           std::to_string(v.head_dim) + "_" + v.tier;
}

}  // namespace lacuna
