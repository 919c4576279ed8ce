// Specs: which kernels a bundle holds, and which pattern each layer of a model has. kernels.json is
// the built-in one.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "cli/dtype.h"
#include "runtime/include/lacuna/lacuna.h"

namespace lacuna {

constexpr int kMaxHeadDim = 512;

struct KernelSpec {
    Dtypes dtypes;
    int head_dim, value_dim;
    std::optional<lac_pattern> pattern;  // compiled in; none: mask words, any pattern

    std::string types() const;  // "f32_d64", "f32_kvf16_d64x128" or "f16_d64_af16"
    std::string name() const;   // "lac_attention_f32_d64", "lac_attention_window_256_f32_d64"
};

// What a spec says of the model that its kernels are for; 0 where it says nothing.
struct Model {
    int layers = 0, heads = 0, kv_heads = 0, tokens = 0;
};

struct Layer {
    lac_pattern pattern;
    std::vector<std::string> kernels;  // names: one for each of the types
};

struct Spec {
    std::vector<KernelSpec> kernels;
    Model model;
    std::vector<KernelSpec> types;  // of the layers, without pattern
    std::vector<Layer> layers;      // from layer 0; empty when the spec has none
};

// {"kernels": [{"dtype": "f32", "kv_dtype": "f16", "arithmetic": "f16", "head_dim": [64, 128],
//               "value_dim": 64, "pattern": "window:256"}],
//  "layers": [{"layers": "0-3,8", "pattern": "window:256"}, {"layers": "4-7", "pattern": "dense"}],
//  "model": {"layers": 9, "heads": 8, "kv_heads": 2, "tokens": 4096, "head_dim": 64}}
// Lists in head_dim multiply. Layers get kernels of model.head_dim, or else of all types that rows
// of "kernels" name; one of the two must be there. Every error names `name` and the row.
Spec parse_spec(const std::string &text, const std::string &name);
KernelSpec make_kernel(const Dtypes &dtypes, int head_dim, int value_dim,
                       const std::optional<lac_pattern> &pattern, const std::string &where);

// Adds a kernel unless one of its name is there: patterns that cannot be compiled in share the
// kernel for any pattern.
void add_kernel(std::vector<KernelSpec> &kernels, const KernelSpec &kernel);

const std::vector<KernelSpec> &builtin_spec();
std::vector<std::string> builtin_kernel_names();

}  // namespace lacuna
