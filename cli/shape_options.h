// What bench and autotune ask of a shape alike.
#pragma once
#include <CLI/CLI.hpp>

#include "cli/dtype_options.h"
#include "cli/problem.h"

namespace lacuna {

struct ShapeOptions {
    int heads = 0, kv_heads = 0, value_dim = 0, batch = 1, threads = 1;
    DtypeOptions types;
    bool fixed8 = false;  // whether it is taken
};

// `heads`: what --heads is when it is not said; `kv_heads` the same.
inline void add_shape_options(CLI::App &command, ShapeOptions &o, const char *heads,
                              const char *kv_heads) {
    constexpr int kMostHeads = 1 << 16;
    command.add_option("--heads", o.heads, std::string("query heads (") + heads + ")")
        ->check(CLI::Range(1, kMostHeads));
    command
        .add_option("--kv-heads", o.kv_heads, std::string("key and value heads (") + kv_heads + ")")
        ->check(CLI::Range(1, kMostHeads));
    command.add_option("--value-dim", o.value_dim, "the values' head size (as the keys')")
        ->check(CLI::Range(1, kMaxHeadDim));
    add_dtype_options(command, o.types);
    command.add_option("--batch", o.batch, "sequences")
        ->check(CLI::Range(1, kMostHeads))
        ->capture_default_str();
    command.add_option("--threads", o.threads, "threads to attend with")
        ->check(CLI::Range(1, LAC_MAX_THREADS))
        ->capture_default_str();
}

inline void check_phase(const std::string &phase) {
    if (phase != "decode" && phase != "prefill")
        throw usage("--phase " + phase + ": expected prefill or decode");
}

// With the last `queries` of `tokens`.
inline ProblemSize size_of(const ShapeOptions &o, int heads, int kv_heads, int queries, int tokens,
                           int head_dim) {
    if (heads % kv_heads)
        throw usage("--kv-heads " + std::to_string(kv_heads) + ": expected a divisor of the " +
                    std::to_string(heads) + " of --heads");
    const Dtypes dtypes = usage_dtypes(o.types);
    if (dtypes.fixed8() && !o.fixed8)
        throw usage(
            "--dtype: fixed8 is for generate, run and bench --target, expected f32, f16 or bf16");
    return {o.batch,
            heads,
            kv_heads,
            queries,
            tokens,
            head_dim,
            o.value_dim > 0 ? o.value_dim : head_dim,
            tokens - queries,
            dtypes};
}

}  // namespace lacuna
