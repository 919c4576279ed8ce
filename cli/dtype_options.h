// --dtype, --kv-dtype and --arithmetic.
#pragma once
#include <CLI/CLI.hpp>

#include "cli/dtype.h"
#include "cli/errors.h"

namespace lacuna {

struct DtypeOptions {
    std::string dtype = "f32", kv_dtype, arithmetic = "f32";
};

inline void add_dtype_options(CLI::App &command, DtypeOptions &o) {
    command
        .add_option("--dtype", o.dtype,
                    "element type of Q and the output: f32, f16, bf16 or fixed8")
        ->capture_default_str();
    command.add_option("--kv-dtype", o.kv_dtype,
                       "K's and V's, such as f16, or f16,bf16 for K and V (as --dtype)");
    command
        .add_option("--arithmetic", o.arithmetic,
                    "of products: f32, or f16 on tiers that have it, with K and V of f16")
        ->capture_default_str();
}

inline Dtypes usage_dtypes(const DtypeOptions &o) {
    try {
        return with_arithmetic(read_dtypes(o.dtype, o.kv_dtype, "--dtype", "--kv-dtype"),
                               o.arithmetic, "--arithmetic");
    } catch (const Failure &failure) {
        throw usage(failure.what());
    }
}

}  // namespace lacuna
