// From specs to compiled functions: which functions a bundle needs, and their compilation.
#pragma once
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/spec.h"
#include "schedules/targets.h"

namespace lacuna {

// One Halide function, compiled for one tier.
struct Function {
    std::string symbol;  // "lac_partial_f32_d64_avx2"
    std::string generator;
    std::map<std::string, std::string> params;
    const Tier *tier;
    bool compiled() const { return !generator.empty(); }  // else the runtime's own
};

// What a kernel is cut into on a tier, and where that comes from.
struct Tiles {
    Tile tile, few;
    std::string tile_from = "default", few_from = "default";
};

// Whether kernels that compute in f16 can have these in place of the tier's: keys that are listed
// are gathered in f32 beside them, by tiles of the tier's rows, and P·V in f16 knows no streams.
bool suit_halves(const Tiles &tiles, const Tiles &usual);

// The functions of one kernel on one tier, by role.
struct VariantFunctions {
    Tiles tiles;
    Function pack_queries, pack_keys, pack_values, append_keys, append_values, partial, partial_few,
        fold, merge;
    // Of kernels for any pattern: keys listed one by one, and the router.
    std::optional<Function> gather = std::nullopt, gather_few = std::nullopt, pairs = std::nullopt,
                            summarise = std::nullopt, route = std::nullopt;
    std::optional<Function> partial_row = std::nullopt;  // none of fixed8
    std::vector<const Function *> all() const;
};

// The tier whose code a tier runs: itself, or the one it shares with.
const Tier &code_of(const Platform &platform, const Tier &tier);

// The tier whose code multiplies a kernel's packed keys and values.
const Tier &products_of(const Platform &platform, const Tier &tier, const KernelSpec &kernel);

// Tiers that have code of their own are compiled; a tier that shares uses the other's functions.
// `tiles` are those of products_of(tier).
VariantFunctions functions_of(const std::string &prefix, const KernelSpec &kernel,
                              const Platform &platform, const Tier &tier, const Tiles &tiles);

// The tier that a kernel's format and tile come from: of fixed8 the same on all targets.
Tier tier_of(const KernelSpec &kernel, const Tier &tier);

// Compiles what the cache does not hold, in parallel; `done` is told of each function.
// Returns symbol -> object in the cache.
std::map<std::string, std::filesystem::path> compile_functions(
    const Platform &platform, const std::vector<Function> &functions,
    const std::function<void(const std::string &symbol)> &done);

}  // namespace lacuna
