#include "runtime/items.h"

namespace lacuna {

ItemWalk::ItemWalk(const lac_plan &plan, const Layout &layout, const RowTile &tile)
    : plan_(plan),
      layout_(layout),
      tile_(tile),
      run_(tile.first_run),
      end_(tile.first_run + tile.runs) {}

void ItemWalk::write_edge(const Scratch &scratch, int32_t place, const Run &run,
                          int32_t panel) const {
    const lac_variant &v = *plan_.variant;
    const SegmentInfo &info = plan_.segment[run.segment];
    const int32_t residue = info.row_stride > 1 ? tile_.residue : 0;
    scratch.first_keys[place] = residue + panel * v.panel_keys * info.modulus;
    if (run.words == kTested) return;
    const uint32_t *from =
        plan_.words + run.words + static_cast<int64_t>(panel - run.first_panel) * v.tile_rows;
    uint32_t *to = scratch.words + static_cast<int64_t>(place) * v.tile_rows;
    for (int32_t r = 0; r < v.tile_rows; r++) to[r] = from[r];
}

// Consecutive panels of one segment up to the next multiple of chunk.
bool ItemWalk::read_item(const Scratch &scratch, int32_t index, Item *item) {
    if (run_ == end_) return false;
    const int32_t chunk = plan_.variant->chunk;
    const Run *run = &plan_.runs[run_];
    const int32_t segment = run->segment;
    const SegmentInfo &info = plan_.segment[segment];
    const int32_t base =
        info.row_stride > 1 ? tile_.residue * layout_.panels_per_residue[info.store] : 0;
    const int32_t number = (run->first_panel + panel_) / chunk;
    *item = {segment, 0, 0};
    while (run_ != end_ && run->segment == segment) {
        const int32_t panel = run->first_panel + panel_;
        if (panel / chunk != number) break;
        scratch.panels[index * chunk + item->slots] = base + panel;
        if (run->words != kAllKept) {
            const int32_t place = index * chunk + item->edges++;
            scratch.edges[place] = item->slots;
            write_edge(scratch, place, *run, panel);
        }
        item->slots++;
        if (++panel_ == run->panels) {
            panel_ = 0;
            run = &plan_.runs[++run_];
        }
    }
    return true;
}

bool ItemWalk::next(const Scratch &scratch, int32_t most, Batch *batch) {
    Item item;
    if (most < 1 || !read_item(scratch, 0, &item)) return false;
    *batch = {item.segment, 1, item.slots, item.edges};
    while (batch->items < most) {
        const int32_t run = run_, panel = panel_;
        if (!read_item(scratch, batch->items, &item)) break;
        if (item.segment != batch->segment || item.slots != batch->slots ||
            item.edges != batch->edges) {
            run_ = run;
            panel_ = panel;
            break;
        }
        batch->items++;
    }
    return true;
}

}  // namespace lacuna
