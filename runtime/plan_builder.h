// Builds a plan, or only counts what it would hold: the same walk with no place to write.
#pragma once
#include "runtime/plan.h"

namespace lacuna {

// Sizes of a plan's arrays.
struct PlanCounts {
    int64_t layouts = 0, blocks = 0, tiles = 0, runs = 0, words = 0;
};

class PlanBuilder {
public:
    // `plan` has its scalar fields set by describe(); arrays are written when `write` is true.
    PlanBuilder(lac_plan &plan, const lac_shape &shape, bool write);
    void build();
    const PlanCounts &counts() const { return count_; }

private:
    // plan_builder.cpp: layouts, spans of tokens, tiles
    bool same_layout(const Layout &next, int32_t sequence, int32_t kv_head) const;
    void add_layout(const Layout &layout, int32_t sequence, int32_t kv_head);
    void count_panels();
    int64_t keys_read(int32_t store) const;
    void add_span(int64_t first, int64_t end);
    void add_dense_order(int64_t first, int64_t end);
    int64_t dense_order_end() const;
    void add_class_tiles(int32_t group, int64_t position, int64_t end);
    void add_head_tiles(RowTile tile, int64_t end);
    void add_global_tiles(int64_t first, int64_t end);
    int64_t row_number(const RowTile &tile) const;
    void add_tile(const RowTile &tile);
    int64_t span_tokens() const;

    // plan_packs.cpp: when panels are packed, and where
    void order_packs();
    void make_room(int32_t store);
    int32_t lowest_turn(const TileBlock &block, int32_t store, int32_t fixed) const;
    int32_t lasting_panels(int32_t store) const;

    // plan_scan.cpp: the panels of a tile
    void add_segment_runs(int32_t segment);
    void add_panel_runs(int32_t segment);
    void add_list_runs(int32_t segment);
    void add_pair_run(int32_t segment);
    void scan(int32_t segment, int64_t first, int64_t end);
    void add_panel(int32_t segment, int64_t panel);
    bool add_alike(int32_t segment, int64_t first, int64_t end);
    int64_t mask_words(int32_t segment, const Owner &owner, int64_t panel, uint32_t *words) const;
    void extend_run(int32_t segment, int64_t first, int64_t panels, uint32_t words);
    void put_run(const Run &run);
    void put_block(TileBlock block);
    void count_items(const Run &run);
    void close_run();
    Span keys_of_panels(int32_t segment, int64_t first, int64_t end) const;
    Maybe owned_panels(int32_t segment, int64_t first, int64_t end) const;
    Lanes keys_of_panel(int32_t segment, int64_t panel) const;

    // plan_rows.cpp: the panels of rows with lists, in order
    bool lists_in_order(int32_t segment) const;
    void add_listed_rows(int32_t segment);
    void put_words(int32_t segment, int32_t panel, const uint32_t *words);
    void add_listed(uint32_t *words, int32_t panels) const;
    void add_unlisted(int32_t segment, int64_t panel, uint32_t *words) const;

    template <class T>
    void put(const T *array, int64_t index, const T &value) {
        if (write_) const_cast<T *>(array)[index] = value;
    }

    lac_plan &plan_;
    const lac_shape &shape_;
    bool write_;
    PlanCounts count_;
    Layout layout_{};
    Sequence in_{};
    Indices globals_{};
    int32_t kv_head_ = 0;
    bool store_read_[kMaxSegments] = {};  // by a run of layout_
    struct {
        int64_t attended, computed;
    } pairs_{};                 // of layout_
    int32_t block_rounds_ = 0;  // of pack tasks that the block at hand reads
    RowTile tile_{};
    Span rows_{}, heads_{};  // of tile_
    Indices list_{};         // of tile_ and the segment at hand
    bool run_open_ = false;
    Run run_{};
    // Items of tile_ so far, and the last one's segment and number.
    int32_t items_ = 0, item_segment_ = -1, item_number_ = -1;
};

// Fills the scalar fields: segments in fold order, groups, stores.
void describe(lac_plan &plan, const lac_kernel &kernel, const lac_pattern &pattern,
              const lac_shape &shape);

// Bytes of a plan, its struct first.
size_t plan_bytes(const lac_plan &plan, const PlanCounts &counts);
// A plan in memory that is aligned; *used of its bytes.
lac_status make_plan(const lac_kernel *kernel, const lac_pattern *pattern, const lac_shape *shape,
                     void *memory, size_t bytes, const lac_plan **out, size_t *used);

}  // namespace lacuna
