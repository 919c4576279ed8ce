// The router that comes with the kernels, behind lac_route.
#pragma once
#include "runtime/bundle.h"
#include "runtime/lists.h"
#include "runtime/topk.h"

namespace lacuna {

struct RouteSetup {
    const lac_variant *variant;
    TopkRule rule;
    lac_shape shape;
    bool mean;
    int32_t threads;
};

inline int32_t rows_in(const RouteSetup &s) {
    return static_cast<int32_t>(ceil_div(s.shape.q_tokens, s.rule.tile));
}
inline int64_t chosen_of(const TopkRule &rule, int64_t candidates) {
    return candidates > rule.most ? rule.best : candidates;
}
// A register block of the kernel is as many blocks as a panel has keys.
inline int64_t padded(const RouteSetup &s, int64_t blocks) {
    return ceil_div(blocks, s.variant->panel_keys) * s.variant->panel_keys;
}

// Everything that a call keeps in the caller's memory. Lists first: the rest is scratch.
struct RouteMemory {
    RouteMemory(const RouteSetup &setup, void *memory);

    int64_t *starts;
    int32_t *indices;
    int64_t chosen;     // entries of indices
    int32_t *counting;  // 0, 1, 2, …
    float *summaries;
    uint8_t *scratch;
    int64_t *next_task;
    int64_t blocks;          // of the longest sequence
    int64_t summary_stride;  // floats from a feature to the next
    int64_t summary_floats;  // of one (sequence, KV head)
    size_t scratch_bytes;    // of one thread
    size_t bytes;
};

// A thread's share of it.
struct RouteScratch {
    RouteScratch(const RouteMemory &memory, int32_t thread);
    static size_t bytes_for(int64_t blocks, int64_t scores);
    float *scores;
    uint64_t *bits, *summary;
};

// The blocks that row r of a sequence may choose from: 0…count-1. `own` must be chosen.
struct RowBlocks {
    int64_t count, own;  // count 0: no query in the row
};
RowBlocks row_blocks(const RouteSetup &setup, int32_t sequence, int32_t row);

// Fills starts, summaries and indices.
void run_route(const RouteSetup &setup, const RouteMemory &memory, const lac_tensor &q,
               const lac_tensor &k, lac_parallel_for parallel_for, void *parallel_context);

// lac_route for a valid setup; the lists are not sealed.
lac_status route(const RouteSetup &setup, const lac_route_args &args, const lac_tensor *q,
                 const lac_tensor *k, void *memory, size_t bytes, lac_lists *lists);

}  // namespace lacuna
