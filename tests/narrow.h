// Every kernel with a 16-bit type, on every tier that runs here.
#pragma once
#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

#include "tests/harness.h"

namespace lacuna {

class Types : public testing::TestWithParam<std::tuple<int, std::string>> {
protected:
    static const lac_kernel_entry &entry() { return lac_kernels.kernels[std::get<0>(GetParam())]; }
    static lac_kernel kernel() { return find_kernel(entry(), std::get<1>(GetParam())); }
    static Problem problem(const std::string &pattern) {
        Problem p;
        p.pattern = pattern;
        fit(p, entry());
        return p;
    }
};

inline std::vector<int> kernels_of_narrow_types() {
    std::vector<int> chosen;
    for (int i = 0; i < lac_kernels.kernel_count; i++) {
        const lac_kernel_entry &e = lac_kernels.kernels[i];
        if (e.type != LAC_F32 || e.key_type != LAC_F32 || e.value_type != LAC_F32)
            chosen.push_back(i);
    }
    return chosen;
}

inline std::string narrow_name(const testing::TestParamInfo<std::tuple<int, std::string>> &info) {
    return lac_kernels.kernels[std::get<0>(info.param)].name + ("_" + std::get<1>(info.param));
}

}  // namespace lacuna
