// Every kernel with a 16-bit type, on every tier that runs here.
#pragma once
#include "tests/kernel_params.h"

namespace lacuna {

class Types : public testing::TestWithParam<KernelOnTier> {
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

inline bool of_narrow_types(const lac_kernel_entry &e) {
    return e.type != LAC_F32 || e.key_type != LAC_F32 || e.value_type != LAC_F32;
}

}  // namespace lacuna
