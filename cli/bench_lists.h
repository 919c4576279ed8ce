// The lists that lacuna bench measures run-time atoms with.
#pragma once
#include <CLI/CLI.hpp>
#include <string>

#include "bench/random_lists.h"
#include "cli/problem.h"
#include "runtime/include/lacuna/router.h"

namespace lacuna {

struct BenchListOptions {
    std::optional<double> density;
    std::optional<int> globals, overshoot;
    std::string lists, list_heads, route;  // "": not given
};
void add_list_options(CLI::App &command, BenchListOptions &options);

struct ListSource {
    ListRecipe random;
    std::optional<lac_route_method> router;  // instead, for rows
};

std::string route_name(lac_route_method method);

// What to make for a problem of this size. A usage Failure when an option has no use for the
// pattern, or no meaning.
ListSource lists_for(const BenchListOptions &options, const lac_pattern &pattern,
                     const ProblemSize &size);

}  // namespace lacuna
