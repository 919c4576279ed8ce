#include "runtime/items.h"

namespace lacuna {

ItemWalk::ItemWalk(const lac_plan &plan, const Layout &layout, const HeadKeys &keys,
                   const RowTile &tile, int32_t sequence, int32_t kv_head)
    : plan_(plan),
      layout_(layout),
      keys_(keys),
      tile_(tile),
      in_(sequence_of(plan, layout, sequence)),
      kv_head_(kv_head),
      run_(tile.first_run),
      end_(tile.first_run + tile.runs),
      row_(plan, tile, in_.globals()) {}

// Where the keys of panels lie that follow each other: their numbers in the store, or a row of K
// and V for each lane. Lanes past the end of a list repeat its last key, and are masked.
void ItemWalk::write_slots(const Scratch &scratch, int32_t place, const SegmentInfo &info,
                           int32_t panel, int32_t count) const {
    const int32_t keys = plan_.variant->panel_keys;
    if (info.source == Source::kPanels) {
        const int32_t residue = info.row_stride > 1 ? tile_.residue : 0;
        const PackedStore &store = keys_.store[info.store];
        const int32_t end = (residue + 1) * store.per_residue;
        const int32_t turn = store.per_residue - store.fixed, step = keys * info.modulus;
        int32_t at = store.place(residue, panel), key = residue + panel * step;
        for (int32_t i = place; i < place + count; i++, key += step) {
            scratch.panels[i] = at++;
            scratch.first_keys[i] = key;
            if (at == end) at -= turn;
        }
        return;
    }
    const int64_t first = static_cast<int64_t>(panel) * keys;
    int32_t *tokens = scratch.tokens + static_cast<int64_t>(place) * keys;
    for (int32_t i = 0; i < count * keys; i++)
        tokens[i] = list_.first[smaller(first + i, list_.count - 1)];
}

void ItemWalk::write_edge(const Scratch &scratch, int32_t place, const Run &run,
                          int32_t panel) const {
    const lac_variant &v = *plan_.variant;
    if (run.words == kTested) return;
    const uint32_t *from =
        plan_.words + run.words + static_cast<int64_t>(panel - run.first_panel) * run.words_step;
    uint32_t *to = scratch.words + static_cast<int64_t>(place) * v.tile_rows;
    for (int32_t r = 0; r < v.tile_rows; r++) to[r] = from[r];
}

// Consecutive panels of one segment up to the next multiple of chunk.
void ItemWalk::read_item(const Scratch &scratch, int32_t index, Item *item) {
    const int32_t chunk = plan_.variant->chunk;
    const Run *run = &plan_.runs[run_];
    const int32_t segment = run->segment;
    const SegmentInfo &info = plan_.segment[segment];
    const int32_t number = (run->first_panel + panel_) / chunk;
    *item = {0, 0};
    while (run_ != end_ && run->segment == segment) {
        const int32_t panel = run->first_panel + panel_;
        const int32_t count = smaller(run->panels - panel_, (number + 1) * chunk - panel);
        if (count <= 0) break;
        write_slots(scratch, index * chunk + item->slots, info, panel, count);
        for (int32_t i = 0; i < count && run->words != kAllKept; i++) {
            const int32_t place = index * chunk + item->edges++;
            scratch.edges[place] = item->slots + i;
            write_edge(scratch, place, *run, panel + i);
        }
        item->slots += count;
        panel_ += count;
        if (panel_ == run->panels) {
            panel_ = 0;
            run = &plan_.runs[++run_];
        }
    }
}

// Pairs of whole rows, as many as one call takes; a row of more is cut at multiples of that.
bool ItemWalk::read_pairs(const Scratch &scratch, Batch *batch) {
    const Run &run = plan_.runs[run_];
    const SegmentInfo &info = plan_.segment[run.segment];
    const int32_t most = plan_.variant->pairs_most;
    *batch = {run.segment, 1, 0, 0, 0};
    for (; rows_done_ < tile_.rows; rows_done_++, row_.advance(), pair_ = 0) {
        const int64_t head = head_of(row_);
        const Indices keys = list_of(listing_atom(plan_, info), in_, head, row_.position());
        const int64_t left = keys.count - pair_;
        if (batch->pairs > 0 && left > most - batch->pairs) return true;
        const int64_t end = pair_ + smaller<int64_t>(left, most);
        for (; pair_ < end; pair_++) {
            const int32_t key = keys.first[pair_];
            if (run.words == kTested &&
                !owned<int64_t>(plan_.pattern, info.owner,
                                {head, row_.position(), key, layout_.k_tokens, in_}, true))
                continue;
            scratch.pair_rows[batch->pairs] = rows_done_;
            scratch.tokens[batch->pairs++] = key;
        }
        if (pair_ < keys.count) return true;
    }
    run_++;  // another atom may read the same pairs, for other heads
    row_ = {plan_, tile_, in_.globals()};
    rows_done_ = 0;
    return batch->pairs > 0;
}

bool ItemWalk::next(const Scratch &scratch, int32_t most, Batch *batch) {
    Item item;
    if (most < 1 || run_ == end_) return false;
    const SegmentInfo &info = plan_.segment[plan_.runs[run_].segment];
    if (info.source == Source::kPairs && read_pairs(scratch, batch)) return true;
    if (run_ == end_) return false;
    if (info.source == Source::kPairs) return next(scratch, most, batch);
    if (info.source == Source::kList)
        list_ = list_of(listing_atom(plan_, info), in_,
                        int64_t{kv_head_} * plan_.group_heads + tile_.first_head, tile_.position);
    const int32_t first = run_;
    read_item(scratch, 0, &item);
    *batch = {plan_.runs[first].segment, 1, item.slots, item.edges, 0};
    while (batch->items < most && run_ != end_ && plan_.runs[run_].segment == batch->segment) {
        const int32_t run = run_, panel = panel_;
        read_item(scratch, batch->items, &item);
        if (item.slots != batch->slots || item.edges != batch->edges) {
            run_ = run;
            panel_ = panel;
            break;
        }
        batch->items++;
    }
    return true;
}

}  // namespace lacuna
