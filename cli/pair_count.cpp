#include "cli/pair_count.h"

#include "cli/mix.h"
#include "patterns/pattern.h"
#include "runtime/bundle.h"
#include "runtime/include/lacuna/lacuna.hpp"

namespace lacuna {

namespace {

// Sizes of panels and tiles are all that a plan wants to know of a kernel.
lac_variant sizes_alone() {
    lac_variant variant{};
    variant.tier = "none";
    variant.panel_keys = 16;
    variant.chunk = 16;
    variant.plane = 16;
    variant.tile_rows = variant.usual_rows = 16;
    variant.head_dim = variant.value_dim = 16;
    variant.value_planes = 1;
    variant.partial_row = 32;
    variant.fold_items = 16;
    return variant;
}

int64_t kept_pairs(const lac_pattern &pattern, int32_t heads, int32_t kv_heads, int32_t tokens) {
    const lac_variant variant = sizes_alone();
    const lac_bundle bundle{};
    const lac_kernel kernel{sizeof(lac_kernel), &bundle, &variant, "none"};
    const lac_shape shape{sizeof(lac_shape), 1,       heads,   kv_heads, tokens,  tokens,
                          nullptr,           nullptr, nullptr, nullptr,  nullptr, 0};
    size_t bytes = 0;
    lac::check(lac_plan_bytes(&kernel, &pattern, &shape, &bytes));
    const lac::Memory memory(bytes);
    const lac_plan *plan = nullptr;
    lac::check(lac_plan_init(&kernel, &pattern, &shape, memory.data(), bytes, &plan));
    return lac_plan_attended_pairs(plan);
}

// Of KV head `kv` alone: bigbird draws for each.
int64_t pairs_of_head(const lac_pattern &pattern, int32_t kv, int32_t tokens) {
    const lac_shape no_lists{};
    if (kv == 0 || !by_head(pattern, no_lists)) return kept_pairs(pattern, 1, 1, tokens);
    return kept_pairs(pattern, kv + 1, kv + 1, tokens) - kept_pairs(pattern, kv, kv, tokens);
}

}  // namespace

PairCount count_pairs(const lac_pattern &pattern, int32_t heads, int32_t kv_heads, int32_t tokens) {
    const int64_t kept = kept_pairs(pattern, heads, kv_heads, tokens);
    const int32_t group = heads / kv_heads;
    if (named_heads(pattern) == 0) return {kept, kept / group};
    int64_t read = 0;
    for (int32_t kv = 0; kv < kv_heads; kv++)
        read += pairs_of_head(pattern_of_heads(pattern, kv * group, (kv + 1) * group), kv, tokens);
    return {kept, read};
}

}  // namespace lacuna
