// What a bundle's generated table holds: kernels, their variants per tier, and the numbers that
// plan, workspace and attention need to know of them.
#pragma once
#include "runtime/buffer.h"
#include "runtime/include/lacuna/lacuna.h"

namespace lacuna {

// `factor` multiplies each feature of Q.
using PackQueriesFn = int (*)(HalideBuffer *source, HalideBuffer *offset, int32_t rows, float scale,
                              HalideBuffer *factor, HalideBuffer *packed, HalideBuffer *nonfinite);
// Scales, of each key: read with integers, written with panels of integers, else empty. `inverse`:
// of `factor`.
using PackKeysFn = int (*)(HalideBuffer *source, HalideBuffer *source_scales, int32_t keys,
                           HalideBuffer *inverse, HalideBuffer *packed, HalideBuffer *nonfinite,
                           HalideBuffer *scales);
using PackValuesFn = int (*)(HalideBuffer *source, HalideBuffer *source_scales, int32_t keys,
                             HalideBuffer *packed, HalideBuffer *nonfinite, HalideBuffer *scales);
// unbiased: no ALiBi; else by the slopes(row) and the positions of rows and keys.
using PartialWordsFn = int (*)(HalideBuffer *queries, HalideBuffer *keys, HalideBuffer *key_scales,
                               HalideBuffer *values, HalideBuffer *value_scales,
                               HalideBuffer *panels, HalideBuffer *tiles, HalideBuffer *edges,
                               int32_t slots, int32_t edge_count, float softcap, bool careful,
                               bool unbiased, HalideBuffer *slopes, HalideBuffer *positions,
                               HalideBuffer *first_keys, int32_t key_step, HalideBuffer *words,
                               HalideBuffer *out);
using PartialPatternFn = int (*)(HalideBuffer *queries, HalideBuffer *keys,
                                 HalideBuffer *key_scales, HalideBuffer *values,
                                 HalideBuffer *value_scales, HalideBuffer *panels,
                                 HalideBuffer *tiles, HalideBuffer *edges, int32_t slots,
                                 int32_t edge_count, float softcap, bool careful, bool unbiased,
                                 HalideBuffer *slopes, HalideBuffer *positions,
                                 HalideBuffer *first_keys, int32_t key_step, int32_t atoms,
                                 int32_t tokens, HalideBuffer *out);
// Items whose keys are listed one by one; K and V are the caller's rows, [token][feature].
// tokens(lane, slot, item) gives the row of each key; lanes past the end of a list repeat its last.
using GatherFn = int (*)(HalideBuffer *queries, HalideBuffer *keys, HalideBuffer *key_scales,
                         HalideBuffer *values, HalideBuffer *value_scales, HalideBuffer *tokens,
                         HalideBuffer *tiles, HalideBuffer *edges, int32_t slots,
                         int32_t edge_count, float softcap, bool careful, bool unbiased,
                         HalideBuffer *slopes, HalideBuffer *positions, HalideBuffer *words,
                         HalideBuffer *out);
// A run of (row, key) pairs, sorted by row: a row's begin where starts says, which has one more.
using PairsFn = int (*)(HalideBuffer *queries, HalideBuffer *keys, HalideBuffer *key_scales,
                        HalideBuffer *values, HalideBuffer *value_scales, HalideBuffer *starts,
                        HalideBuffer *tokens, int32_t pairs, float softcap, bool unbiased,
                        HalideBuffer *slopes, HalideBuffer *positions, HalideBuffer *out);
using FoldFn = int (*)(HalideBuffer *parts, HalideBuffer *earlier, HalideBuffer *state_row,
                       bool has_earlier, int32_t items, int32_t rows, HalideBuffer *out_row,
                       int32_t out_rows, HalideBuffer *state);
using MergeFn = int (*)(HalideBuffer *parts, HalideBuffer *earlier, HalideBuffer *state_row,
                        bool has_earlier, int32_t items, int32_t rows, HalideBuffer *offset,
                        int32_t extent, HalideBuffer *out, HalideBuffer *log_sum_exp);
using SummariseFn = int (*)(HalideBuffer *source, HalideBuffer *scales, bool mean,
                            HalideBuffer *high, HalideBuffer *low);
using RouteFn = int (*)(HalideBuffer *queries, HalideBuffer *high, HalideBuffer *low, bool mean,
                        bool has_earlier, HalideBuffer *earlier, HalideBuffer *out);

// The function type behind a pointer, to declare a kernel by.
template <class Pointer>
struct Pointee;
template <class Function>
struct Pointee<Function *> {
    using type = Function;
};
template <class Pointer>
using Signature = typename Pointee<Pointer>::type;

}  // namespace lacuna

// One kernel, compiled for one tier.
struct lac_variant {
    const char *tier;
    uint32_t cpu_features;  // runtime/cpu.h; all must be present
    int32_t panel_keys, chunk, plane, tile_pairs, list_pairs, pair_cost, tile_rows;
    int32_t usual_rows;   // of the tier's own tile: what a plan computes hangs on no tuned one
    int32_t key_group;    // features of K side by side, of integers
    int32_t value_group;  // keys of V
    lac_type type, key_type,
        value_type;       // of Q and the output, K, V; K and V are packed as they are
    lac_type arithmetic;  // of products with packed K and V
    int32_t head_dim, value_dim;
    int32_t value_planes;        // of `plane` features
    int32_t partial_row;         // floats of a partial result's row
    int32_t fold_items;          // partial results a fold or merge takes at most
    const lac_pattern *pattern;  // compiled in, or null: mask words
    lacuna::PackQueriesFn pack_queries;
    lacuna::PackKeysFn pack_keys;      // from rows of K's own type
    lacuna::PackKeysFn append_keys;    // from rows of Q's, rounded to K's
    lacuna::PackValuesFn pack_values;  // of V's
    lacuna::PackValuesFn append_values;
    // A tile's rows, at most few_rows, a single one (null: few): with the same bits. Null when
    // pattern is set, when it is null.
    lacuna::PartialWordsFn partial_words, partial_words_few, partial_words_row;
    lacuna::PartialPatternFn partial_pattern, partial_pattern_few, partial_pattern_row;
    // A tile's rows, at most few_rows. Null with a pattern, as pairs.
    lacuna::GatherFn gather, gather_few;
    lacuna::PairsFn pairs;
    int32_t few_rows;
    int32_t pairs_most;  // of one call
    lacuna::FoldFn fold;
    lacuna::MergeFn merge;
    lacuna::SummariseFn summarise;  // null with a pattern
    lacuna::RouteFn route;          // null with a pattern
};

struct lac_kernel_entry {
    const char *name;
    lac_type type, key_type, value_type, arithmetic;
    int32_t head_dim, value_dim;
    const lac_pattern *pattern;
    const lac_variant *variants;  // best first
    int32_t variant_count;
};

struct lac_bundle {
    uint32_t abi_version;
    const char *name;
    const lac_kernel_entry *kernels;
    int32_t kernel_count;
};
