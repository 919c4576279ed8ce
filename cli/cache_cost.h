// What a cache of a layer holds, by need; whole panels take a little more.
#pragma once
#include "cli/spec.h"

namespace lacuna {

// Bytes of the keys and values of a token in all KV heads, with the scales of integers.
double token_bytes(const KernelSpec &type, int kv_heads);
// Keys of n that the last query or one to come can see.
double retained_keys(const lac_pattern &pattern, int32_t n);

}  // namespace lacuna
