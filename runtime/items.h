// A tile's runs expanded into items (at most `chunk` panels, ending at absolute multiples of it)
// and batches of items that one kernel call takes.
#pragma once
#include "runtime/workspace.h"

namespace lacuna {

struct Batch {
    int32_t segment;
    int32_t items, slots, edges;  // slots and edges are per item
};

// Walks the items of a tile in (segment, position) order.
class ItemWalk {
public:
    ItemWalk(const lac_plan &plan, const Layout &layout, const RowTile &tile);
    // Fills scratch.panels, edges, words and first_keys with at most `most` items of equal shape;
    // false when the tile has no more.
    bool next(const Scratch &scratch, int32_t most, Batch *batch);

private:
    struct Item {
        int32_t segment, slots, edges;
    };
    bool read_item(const Scratch &scratch, int32_t index, Item *item);
    void write_edge(const Scratch &scratch, int32_t place, const Run &run, int32_t panel) const;

    const lac_plan &plan_;
    const Layout &layout_;
    const RowTile &tile_;
    int32_t run_, end_;
    int32_t panel_ = 0;  // of run_, already used
};

}  // namespace lacuna
