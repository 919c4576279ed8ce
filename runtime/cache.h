// The cache of one sequence: how many panels its stores have, and where they lie in its memory.
#pragma once
#include "runtime/include/lacuna/cache.h"
#include "runtime/workspace.h"

namespace lacuna {

// A store of the plan, as large as the pattern asks. Panels are counted in a residue class.
struct CacheStore {
    int32_t modulus, residues;
    int32_t per_residue, fixed;  // see PackedStore
    bool forgets;                // per_residue panels do not hold max_context
    int32_t last;                // keys that a query reaches back in the ring
    int32_t slots;               // keys of all classes that the pattern asks for

    PackedStore at(PackedStore store) const {
        store.per_residue = per_residue;
        store.fixed = fixed;
        return store;
    }
    int64_t panels() const { return static_cast<int64_t>(residues) * per_residue; }
    // Room for an odd number of panels: planes of V that lie a power of two apart would meet in
    // the same cache sets.
    int64_t room() const { return panels() | 1; }
    // Positions that the ring reaches back.
    int64_t reach(const lac_variant &v) const {
        return static_cast<int64_t>(per_residue - fixed) * v.panel_keys * modulus;
    }
};

// Keys of a residue class among the first `tokens`.
inline int64_t class_keys(const CacheStore &s, int64_t residue, int64_t tokens) {
    return tokens > residue ? ceil_div(tokens - residue, s.modulus) : 0;
}

}  // namespace lacuna

struct lac_cache {
    lac_kernel kernel;
    lac_pattern pattern;
    lac_cache_options options;
    int32_t tokens;
    int32_t high;  // the most tokens there have been since it was last empty
    int32_t store_count;
    lac_rope rope;  // size 0: none
    bool rows;      // keys that are listed one by one lie in rows
    lacuna::CacheStore store[lacuna::kMaxSegments];
    size_t bytes, head_bytes;

    const lac_variant &variant() const { return *kernel.variant; }
};

namespace lacuna {

// Checks the arguments and sets all but the contents.
lac_status describe_cache(const lac_kernel *kernel, const lac_pattern *pattern,
                          const lac_cache_options *options, lac_cache *cache);

// One sequence at full context, with its last tokens as queries, and no lists.
lac_shape shape_of(const lac_cache_options &options, int32_t q_tokens);

// The memory of one KV head, and one panel of K and of V where a panel that is not whole is packed
// before its keys go to their lanes.
HeadKeys head_keys(const lac_cache &cache, int32_t kv_head);
PackedStore staging(const lac_cache &cache);
// And rows of as many keys, where they are turned.
uint8_t *turned_rows(const lac_cache &cache);

// The shortest length from which on queries find all keys that they see.
int32_t shortest_length(const lac_cache &cache);

}  // namespace lacuna
