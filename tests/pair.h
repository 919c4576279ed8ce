// A pattern's definition asked about one pair of a sequence that has no lists.
#pragma once
#include "patterns/pattern.h"

namespace lacuna {

inline const Sequence kPlainSequence{};

inline bool attends_at(const lac_pattern &p, int64_t q, int64_t k, int64_t n, int64_t head = 0) {
    return attends(p, {head, q, k, n, kPlainSequence});
}

}  // namespace lacuna
