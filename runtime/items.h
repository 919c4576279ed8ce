// A tile's runs expanded into items (at most `chunk` panels, ending at absolute multiples of it)
// and batches of items that one kernel call takes.
#pragma once
#include "runtime/rows.h"
#include "runtime/workspace.h"

namespace lacuna {

struct Batch {
    int32_t segment;
    int32_t items, slots, edges;  // slots and edges are per item
    int32_t pairs;                // of a segment of pairs: one item, no slots
    bool nonfinite;               // some packed panel holds NaN or Inf
};

// Walks the items of a tile in (segment, position) order.
class ItemWalk {
public:
    ItemWalk(const lac_plan &plan, const Layout &layout, const HeadKeys &keys, const RowTile &tile,
             int32_t sequence, int32_t kv_head, Indices *row_lists);
    // Fills scratch.panels or tokens, edges, words and first_keys with at most `most` items of
    // equal shape, or pair_starts and tokens; false when the tile has no more.
    bool next(const Scratch &scratch, int32_t most, Batch *batch);

private:
    struct Item {
        int32_t slots, edges;
        bool operator==(const Item &other) const {
            return slots == other.slots && edges == other.edges;
        }
    };
    template <class Visit>
    Item walk_item(int32_t &run_index, int32_t &panel_of_run, Visit visit) const;
    Item next_item() const;
    bool read_item(const Scratch &scratch, int32_t index);
    bool write_slots(const Scratch &scratch, int32_t place, const SegmentInfo &info, int32_t panel,
                     int32_t count) const;
    void write_edge(const Scratch &scratch, int32_t place, const Run &run, int32_t panel) const;
    int32_t keep_pairs(int32_t *tokens, const Indices &keys) const;
    Indices pairs_of_pass();
    int32_t read_pairs(const Scratch &scratch);
    int32_t next_pairs(const Scratch &scratch);
    int64_t head_of(const TileRowCursor &row) const {
        return int64_t{kv_head_} * plan_.group_heads + row.head();
    }

    const lac_plan &plan_;
    const Layout &layout_;
    const HeadKeys &keys_;
    const RowTile &tile_;
    Sequence in_;
    int32_t kv_head_;
    int32_t run_, end_;
    int32_t panel_ = 0;   // of run_, already used
    Indices list_{};      // of the listed segment at hand
    Indices *row_lists_;  // of pairs, of the first rows_listed_ rows
    TileRowCursor row_;   // of the pairs at hand
    int32_t rows_listed_ = 0, rows_done_ = 0;
    int64_t pass_ = 0;         // over the tile's rows
    bool more_pairs_ = false;  // than this pass takes
};

}  // namespace lacuna
