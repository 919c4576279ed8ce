#include "bench/overshoot.h"

#include <algorithm>
#include <random>

#include "patterns/pattern.h"

namespace lacuna {

namespace {

lac_pattern with_cap(lac_pattern pattern, int64_t cap) {
    constexpr int kCap = 1;  // the argument of TopK
    for (uint32_t i = 0; i < pattern.atom_count; i++) {
        lac_atom &atom = pattern.atom[i];
        if (atom.kind == kTopK)
            atom.arg[kCap] = static_cast<int32_t>(std::max(cap, TopK::cap(atom)));
    }
    return pattern;
}

}  // namespace

Overshoot::Overshoot(const ListRecipe &recipe, const lac_pattern &pattern, const lac_shape &shape)
    : pattern_(pattern), all_pattern_(with_cap(pattern, recipe.overshoot)), shape_(shape) {
    make_random_lists(recipe, all_pattern_, shape_, all_);
    const lac_lists &given = *all_.get();
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    scores_.resize(static_cast<size_t>(given.index_count));
    for (float &score : scores_) score = normal(random);
    candidates_ = {sizeof(lac_candidates), given.batch,   given.heads,   given.rows,
                   given.starts,           given.indices, scores_.data()};
    size_t bytes = 0;
    lac::check(lac_topk_bytes(&pattern_, &shape_, &candidates_, &bytes));
    memory_ = lac::Memory(bytes);
}

const lac_lists &Overshoot::select() {
    lac_list_error error{};
    lac::check(lac_topk_select(&pattern_, &shape_, &candidates_, memory_.data(), memory_.bytes(),
                               &chosen_, &error));
    return chosen_;
}

}  // namespace lacuna
