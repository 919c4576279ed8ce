// The lists that lacuna bench measures run-time atoms with.
#pragma once
#include <CLI/CLI.hpp>
#include <string>

#include "bench/random_lists.h"
#include "cli/problem.h"

namespace lacuna {

struct BenchListOptions {
    std::optional<double> density;
    std::optional<int> globals;
    std::string lists, list_heads;  // "": not given
};
void add_list_options(CLI::App &command, BenchListOptions &options);

// What to make for a problem of this size. A usage Failure when an option has no use for the
// pattern, or no meaning.
ListRecipe lists_for(const BenchListOptions &options, const lac_pattern &pattern,
                     const ProblemSize &size);

}  // namespace lacuna
