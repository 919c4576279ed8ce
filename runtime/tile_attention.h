// One tile's attention: its rows are packed, its batches go through a kernel each, and what comes
// of them is folded and merged.
#pragma once
#include "runtime/attend.h"
#include "runtime/items.h"
#include "runtime/tensor.h"

namespace lacuna {

class TileAttention {
public:
    TileAttention(const Call &call, const HeadKeys &keys, const Scratch &scratch, int32_t turn,
                  const Layout &layout, const Head &head, const TileBlock &block,
                  const RowTile &tile)
        : call_(call),
          plan_(*call.plan),
          v_(*plan_.variant),
          keys_(keys),
          s_(scratch),
          t_(scratch.tile[turn]),
          parts_at_(scratch.parts),
          layout_(layout),
          head_(head),
          block_(block),
          tile_(tile),
          alone_(tile.group == plan_.group_count),
          globals_(sequence_of(plan_, layout, head.sequence).globals()),
          walk_(plan_, layout, keys, tile, head.sequence, head.kv_head, t_.row_lists) {}

    // From begin() to finish(), with what other tiles do in between.
    void begin();
    // Folds at most so many more items into its result; false when there are none.
    bool step(int32_t items);
    void finish();
    // Of the tile's items, those of the slice; how many there are in all.
    int32_t run_slice(const Slice &slice);
    void merge_slices(float *parts, int32_t items);
    // Asks for the tile's rows ahead of their use: rows of a strided tile lie too far apart for the
    // hardware to guess.
    template <int kWrite>
    void prefetch_rows(const lac_tensor &t) const;

private:
    TileRowCursor first_row() const { return {plan_, tile_, globals_}; }
    int32_t query_head(const TileRowCursor &row) const {
        return head_.kv_head * plan_.group_heads + row.head();
    }
    uint8_t *address(const lac_tensor &t, const TileRowCursor &row) const {
        return row_at(t, head_.sequence, query_head(row), row.position() - layout_.q_start);
    }
    // Bytes from one row to another. Strides are parameters: kept in registers over a loop of rows.
    static int64_t distance(const TileRowCursor &from, const TileRowCursor &to, int64_t head_stride,
                            int64_t token_stride) {
        return (to.head() - from.head()) * head_stride +
               (to.position() - from.position()) * token_stride;
    }
    Dim key_dim() const { return {layout_.k_tokens, keys_.key_stride}; }
    Dim value_dim() const { return {layout_.k_tokens, keys_.value_stride}; }
    float *part(int32_t index) const {
        return parts_at_ + static_cast<int64_t>(index) * v_.tile_rows * v_.partial_row;
    }
    float *folded(int32_t index) const {
        return t_.folded + static_cast<int64_t>(index) * v_.tile_rows * v_.partial_row;
    }

    // Partial results of a batch: attend_calls.cpp.
    void attend_batch(const Batch &batch);
    void partial(const Batch &batch);
    bool careful_lists(const Batch &batch) const;
    void gather(const Batch &batch);
    void pairs(const Batch &batch);

    void locate_rows();
    void begin_with_sink(int32_t r, float logit) const;
    Elements rows_in(const lac_tensor &t, int32_t *extent);
    Elements turned_rows(int32_t *extent);
    void pack_queries();
    void pack_fixed8_queries();
    void fold(float *to, int32_t *index, int32_t count);
    void fold_parts();
    void merge();

    // What the fold so far left: a folded part, the state of earlier groups, or nothing yet but the
    // rows' sinks.
    struct Earlier {
        float *rows;
        int32_t *index;
        int32_t count;
        bool any;
    };
    Earlier earlier() const {
        if (folded_ >= 0) return {folded(folded_), s_.own_rows, v_.tile_rows, true};
        if (tile_.group > 0 && !alone_)
            return {s_.state[(tile_.group - 1) % 2], t_.state_rows, plan_.state_rows, true};
        if (call_.sink_logits) return {t_.sinks, s_.own_rows, v_.tile_rows, true};
        return {part(0), s_.own_rows, v_.tile_rows, false};
    }

    const Call &call_;
    const lac_plan &plan_;
    const lac_variant &v_;
    const HeadKeys &keys_;
    const Scratch &s_;
    const TileScratch &t_;
    float *parts_at_;  // place of the first partial result
    const Layout &layout_;
    const Head &head_;
    const TileBlock &block_;
    const RowTile &tile_;
    const bool alone_;  // its rows pass through no other group
    const Indices globals_;
    ItemWalk walk_;
    int32_t parts_ = 0;    // partial results not yet folded
    int32_t folded_ = -1;  // place of the fold so far
};

}  // namespace lacuna
