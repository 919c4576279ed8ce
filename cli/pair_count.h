// How many pairs a pattern keeps, counted by a plan: of lengths where asking every pair would take
// minutes.
#pragma once
#include <cstdint>

#include "runtime/include/lacuna/lacuna.h"

namespace lacuna {

struct PairCount {
    int64_t kept;   // by all query heads
    int64_t group;  // (query token, key) that some query head of a KV head keeps: K and V rows read
};

// Of one sequence with as many queries as tokens. The pattern reads no lists, and names no other
// query heads.
PairCount count_pairs(const lac_pattern &pattern, int32_t heads, int32_t kv_heads, int32_t tokens);

}  // namespace lacuna
