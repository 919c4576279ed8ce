// --dtype and --kv-dtype.
#pragma once
#include <CLI/CLI.hpp>

#include "cli/dtype.h"
#include "cli/errors.h"

namespace lacuna {

inline void add_dtype_options(CLI::App &command, std::string &dtype, std::string &kv_dtype) {
    command
        .add_option("--dtype", dtype, "element type of Q and the output: f32, f16, bf16 or fixed8")
        ->capture_default_str();
    command.add_option("--kv-dtype", kv_dtype,
                       "K's and V's, such as f16, or f16,bf16 for K and V (as --dtype)");
}

inline Dtypes usage_dtypes(const std::string &dtype, const std::string &kv_dtype) {
    try {
        return read_dtypes(dtype, kv_dtype, "--dtype", "--kv-dtype");
    } catch (const Failure &failure) {
        throw usage(failure.what());
    }
}

}  // namespace lacuna
