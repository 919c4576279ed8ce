// Patterns of query heads: what heads(...) comes to, head by head.
#pragma once
#include <string>
#include <vector>

#include "runtime/include/lacuna/lacuna.h"

namespace lacuna {

// Query heads that follow one pattern; its own text has no heads(...).
struct HeadRange {
    int32_t first, last;
    lac_pattern pattern;

    std::string text() const;  // "0-5", "6"
    int32_t count() const { return last - first + 1; }
};

// One more than the last query head that the pattern names; 0: it names none.
int32_t named_heads(const lac_pattern &pattern);

// The atoms that hold for some query head of first … end - 1. No atoms: heads(...) names none.
lac_pattern pattern_of_heads(const lac_pattern &pattern, int32_t first, int32_t end);

// All of `heads` query heads, in order. A usage Failure when heads(...) names others, or leaves
// some without an atom; `where` is what has the heads.
std::vector<HeadRange> head_ranges(const lac_pattern &pattern, int32_t heads,
                                   const std::string &where);

}  // namespace lacuna
