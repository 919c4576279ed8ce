// What a call's workspace holds: the packed heads in flight, counters, and scratch per thread.
#pragma once
#include "runtime/carver.h"
#include "runtime/fixed8.h"
#include "runtime/plan.h"

namespace lacuna {

// One store of one KV head, packed.
struct PackedStore {
    Elements keys, values;
    float *key_scales, *value_scales;            // [panel][key] of integers, else null
    uint8_t *keys_nonfinite, *values_nonfinite;  // per panel
    int64_t panels;                              // capacity; the stride between V planes
    // A residue class has so many panels. In a cache that forgets, the first `fixed` of its keys'
    // panels keep their place, and the others take turns in the rest.
    int32_t per_residue, fixed;

    int32_t place(int32_t residue, int32_t panel) const {
        if (panel >= per_residue) panel = fixed + (panel - fixed) % (per_residue - fixed);
        return residue * per_residue + panel;
    }
};
// Features of a key side by side in a panel: integers come in groups.
inline int32_t key_group(const lac_variant &v) { return v.key_type == LAC_I8 ? v.key_group : 1; }
// Elements of a key in a panel: whole groups.
inline int32_t key_elements(const lac_variant &v) {
    const int32_t group = is_fixed8(v.type) ? kFixed8Group : key_group(v);
    return (v.head_dim + group - 1) / group * group;
}
// Keys of V side by side in a plane: integers come in groups.
inline int32_t value_group(const lac_variant &v) {
    return v.value_type == LAC_I8 ? v.value_group : 1;
}
PackedStore carve_store(Carver &c, const lac_variant &v, int64_t panels);
Elements take_elements(Carver &c, lac_type type, int64_t count);
float *take_scales(Carver &c, lac_type type, int64_t count);

// The keys of one KV head: packed, and as rows where they are listed one by one.
struct HeadKeys {
    PackedStore store[kMaxSegments];
    Elements keys, values;             // rows
    int32_t key_stride, value_stride;  // in elements
    float *key_scales, *value_scales;  // of integers in rows, of fixed8 one each; else null
    // Of each feature, where K is packed as integers: what Q is multiplied by, and K. Null: 1.
    float *query_factors, *inverse_factors;
};

// Progress of one (sequence, KV head), counted in finished tasks.
struct Progress {
    uint32_t packed, attended;
};

// What a tile keeps from its first batch to its last.
struct TileScratch {
    float *queries;       // packed
    float *slopes;        // [row], of ALiBi in base-2 units
    float *folded;        // two places for what partial results were folded into
    float *sinks;         // rows of what each row begins with: its learned sink
    int32_t *positions;   // [row]
    int32_t *state_rows;  // [row]
    Indices *row_lists;   // [row] of pairs
    uint8_t *nonfinite;
};

struct Scratch {
    TileScratch tile[kBlockTiles];  // as many as take turns
    float *ones;                    // [feature]
    float *parts;                   // fold_items partial results; before, rows of Q that turn
    float *state[2];                // rows of a block between groups
    int32_t *panels;                // [item][slot]
    int32_t *tokens;       // [item][slot][key] of listed keys, or [pair]; null where none are
    int32_t *pair_starts;  // [row], and where the last one's end
    int32_t *edges;        // [item][edge]
    uint32_t *words;       // [item][edge][row]
    int32_t *first_keys;   // [item][slot]
    int32_t *offsets;      // [row], in elements
    int32_t *own_rows;     // 0, 1, 2, …
    int32_t *tiles;        // [item], zeros
    float *log_sum_exp;    // [row]
};

// Tiles of a block that take turns, a few items each, so that K and V are read from far away once:
// one item after the other, a tile of more than a fold's items reads more than a core's cache holds
// (1,920 keys of 128 features: 2 MB). Pairs ascend in passes; the lists of tiles lie anywhere.
inline int32_t turns(const lac_plan &plan) {
    const bool far = plan.most_items > plan.variant->fold_items && !reads_from(plan, Source::kList);
    return far ? smaller(plan.most_tiles, kBlockTiles) : 1;
}

class Workspace {
public:
    // Where K and V are packed already (a step over caches), there is no room for them, but for the
    // partial results of tiles that threads share.
    Workspace(const lac_plan &plan, int32_t threads, bool packs, void *memory);
    size_t bytes() const { return bytes_; }
    int32_t heads_in_flight() const { return heads_in_flight_; }
    PackedStore store(const Layout &layout, int32_t slot, int32_t store) const;
    HeadKeys packed_keys(const Layout &layout, int32_t slot) const;  // without rows
    Scratch scratch(int32_t thread) const;
    Progress *progress() const { return progress_; }
    int64_t *next_task() const { return next_task_; }
    // Of each task, whether it is done; null where no panels take turns.
    uint32_t *done() const { return done_; }
    // Threads that share a tile of a step; 1 unless tiles are fewer than threads.
    int32_t slices() const { return slices_; }
    uint32_t *finished(int64_t block) const { return finished_ + block; }
    float *shared_parts(int64_t block) const {
        const lac_variant &v = *plan_.variant;
        return shared_ + block * plan_.most_items * v.tile_rows * v.partial_row;
    }
    int64_t units() const { return static_cast<int64_t>(plan_.batch) * plan_.kv_heads; }

private:
    const lac_plan &plan_;
    int32_t heads_in_flight_, slices_;
    uint32_t *finished_;
    float *shared_;
    uint8_t *packed_, *scratch_;
    Progress *progress_;
    int64_t *next_task_;
    uint32_t *done_;
    size_t packed_bytes_, scratch_bytes_, bytes_;
};

}  // namespace lacuna
