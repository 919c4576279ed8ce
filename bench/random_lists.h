// Random lists for the run-time atoms of a pattern, to measure with. The same for the same numbers.
#pragma once
#include <optional>

#include "cli/lists.h"

namespace lacuna {

constexpr int64_t kClusterKeys = 16, kOvershootRows = 8;

struct ListRecipe {
    std::optional<double> density;  // of a row among the indices that its queries see; not for topk
    bool clustered = false;         // runs of kClusterKeys keys that begin at multiples of it
    int32_t heads = 1;      // that have lists of their own: 1, the KV heads, the query heads
    int32_t globals = 0;    // spread evenly
    int64_t overshoot = 0;  // indices of every kOvershootRows-th row of topk, from the first on
};

// What global:list reads, if the pattern has it.
void spread_globals(int32_t count, const lac_pattern &pattern, const lac_shape &shape,
                    Lists &lists);

// A row of topk holds K keys, or the blocks that make K keys.
void make_random_lists(const ListRecipe &wanted, const lac_pattern &pattern, const lac_shape &shape,
                       Lists &lists);

}  // namespace lacuna
