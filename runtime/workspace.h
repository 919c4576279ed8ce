// What a call's workspace holds: the packed heads in flight, counters, and scratch per thread.
#pragma once
#include "runtime/plan.h"

namespace lacuna {

// One store of one KV head, packed.
struct PackedStore {
    float *keys;
    float *values;
    uint8_t *keys_nonfinite, *values_nonfinite;  // per panel
    int64_t panels;                              // capacity; the stride between V planes
};

// Progress of one (sequence, KV head), counted in finished tasks.
struct Progress {
    uint32_t packed, attended;
};

struct Scratch {
    float *queries;       // one packed tile
    float *parts;         // fold_items partial results, and two places for folded ones
    float *state[2];      // rows of a block between groups
    int32_t *panels;      // [item][slot]
    int32_t *tokens;      // [item][slot][key] of listed keys, or [pair]; null where none are
    int32_t *pair_rows;   // [pair]
    int32_t *edges;       // [item][edge]
    uint32_t *words;      // [item][edge][row]
    int32_t *first_keys;  // [item][edge]
    int32_t *positions;   // [row]
    int32_t *offsets;     // [row], in elements
    int32_t *state_rows;  // [row]
    int32_t *own_rows;    // 0, 1, 2, …
    int32_t *tiles;       // [item], zeros
    float *log_sum_exp;   // [row]
    uint8_t *nonfinite;
};

class Workspace {
public:
    Workspace(const lac_plan &plan, int32_t threads, void *memory);
    size_t bytes() const { return bytes_; }
    int32_t heads_in_flight() const { return heads_in_flight_; }
    PackedStore store(int32_t slot, int32_t store) const;
    Scratch scratch(int32_t thread) const;
    Progress *progress() const { return progress_; }
    int64_t *next_task() const { return next_task_; }
    int64_t units() const { return static_cast<int64_t>(plan_.batch) * plan_.kv_heads; }

private:
    const lac_plan &plan_;
    int32_t heads_in_flight_;
    uint8_t *packed_, *scratch_;
    Progress *progress_;
    int64_t *next_task_;
    size_t packed_bytes_, scratch_bytes_, bytes_;
};

}  // namespace lacuna
