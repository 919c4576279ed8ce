// Specs: which kernels a bundle holds. kernels.json is the built-in one.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "runtime/include/lacuna/lacuna.h"

namespace lacuna {

constexpr int kMaxHeadDim = 512;

struct KernelSpec {
    std::string dtype;  // "f32"
    int head_dim, value_dim;
    std::optional<lac_pattern> pattern;  // compiled in; none: mask words, any pattern

    std::string types() const;  // "f32_d64" or "f32_d64x128"
    std::string name() const;   // "lac_attention_f32_d64", "lac_attention_window_256_f32_d64"
};

// {"kernels": [{"dtype": "f32", "head_dim": [64, 128], "value_dim": 64, "pattern": "window:256"}]}
// Lists in head_dim multiply. Every error names `name` and the row.
std::vector<KernelSpec> parse_spec(const std::string &text, const std::string &name);
KernelSpec make_kernel(const std::string &dtype, int head_dim, int value_dim,
                       const std::optional<lac_pattern> &pattern, const std::string &where);

// Adds a kernel unless one of its name is there: patterns that cannot be compiled in share the
// kernel for any pattern.
void add_kernel(std::vector<KernelSpec> &kernels, const KernelSpec &kernel);

const std::vector<KernelSpec> &builtin_spec();
std::vector<std::string> builtin_kernel_names();

}  // namespace lacuna
