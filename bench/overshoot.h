// A router that gives some rows of topk more candidates than the pattern keeps: what it gave, and
// what lac_topk_select keeps of that.
#pragma once
#include "bench/random_lists.h"
#include "runtime/include/lacuna/lacuna.hpp"
#include "runtime/include/lacuna/router.h"

namespace lacuna {

class Overshoot {
public:
    // recipe.overshoot says how many; random scores.
    Overshoot(const ListRecipe &recipe, const lac_pattern &pattern, const lac_shape &shape);

    const lac_lists &select();  // under the pattern's cap; the same every time

    // The pattern with a cap that lets all of it through, and its lists.
    const lac_pattern &all_pattern() const { return all_pattern_; }
    const Lists &all() const { return all_; }

private:
    lac_pattern pattern_, all_pattern_;
    lac_shape shape_;
    Lists all_;
    std::vector<float> scores_;
    lac_candidates candidates_{};
    lac::Memory memory_;
    lac_lists chosen_{};
};

}  // namespace lacuna
