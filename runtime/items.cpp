#include "runtime/items.h"

namespace lacuna {

ItemWalk::ItemWalk(const lac_plan &plan, const Layout &layout, const HeadKeys &keys,
                   const RowTile &tile, int32_t sequence, int32_t kv_head, Indices *row_lists)
    : plan_(plan),
      layout_(layout),
      keys_(keys),
      tile_(tile),
      in_(sequence_of(plan, layout, sequence)),
      kv_head_(kv_head),
      run_(tile.first_run),
      end_(tile.first_run + tile.runs),
      row_lists_(row_lists),
      row_(plan, tile, in_.globals()) {}

namespace {

// One array at a time: the compiler makes vectors of it.
void count_up(int32_t *to, int32_t count, int32_t first, int32_t step) {
    for (int32_t i = 0; i < count; i++) to[i] = first + i * step;
}

uint64_t eight_flags(const uint8_t *flags) {
    uint64_t eight = 0;
    __builtin_memcpy(&eight, flags, sizeof eight);
    return eight;
}
// Of panels that lie side by side: one by one they would take a quarter of the instructions that
// an item of 31 needs outside its kernel.
bool any_nonfinite(const PackedStore &store, int32_t first, int32_t count) {
    if (!store.keys_nonfinite) return false;  // a walk over a plan alone: nothing is packed
    const uint8_t *keys = store.keys_nonfinite + first, *values = store.values_nonfinite + first;
    uint64_t any = 0;
    const auto read = [&](int32_t at) { any |= eight_flags(keys + at) | eight_flags(values + at); };
    for (int32_t at = 0; at < count - 8; at += 8) read(at);
    if (count >= 8)
        read(count - 8);  // some again
    else
        for (int32_t at = 0; at < count; at++) any |= keys[at] | values[at];
    return any != 0;
}

}  // namespace

// Where the keys of panels lie that follow each other: their numbers in the store, or a row of K
// and V for each lane. Lanes past the end of a list repeat its last key, and are masked. Does a
// panel of the store hold NaN or Inf?
bool ItemWalk::write_slots(const Scratch &scratch, int32_t place, const SegmentInfo &info,
                           int32_t panel, int32_t count) const {
    const int32_t keys = plan_.variant->panel_keys;
    if (info.source == Source::kPanels) {
        const int32_t residue = info.row_stride > 1 ? tile_.residue : 0;
        const PackedStore &store = keys_.store[info.store];
        const int32_t at = store.place(residue, panel);
        // There is one panel where the modulus is beyond the sequence.
        const int32_t step = keys * smaller(info.modulus, layout_.k_tokens);
        // A tile sees a panel of a ring once: at most one turn begins.
        const int32_t ahead = smaller(count, (residue + 1) * store.per_residue - at);
        count_up(scratch.panels + place, ahead, at, 1);
        count_up(scratch.first_keys + place, count, residue + panel * step, step);
        const bool nonfinite = any_nonfinite(store, at, ahead);
        if (ahead == count) return nonfinite;
        const int32_t again = residue * store.per_residue + store.fixed;
        count_up(scratch.panels + place + ahead, count - ahead, again, 1);
        return nonfinite || any_nonfinite(store, again, count - ahead);
    }
    const int64_t first = static_cast<int64_t>(panel) * keys;
    int32_t *tokens = scratch.tokens + static_cast<int64_t>(place) * keys;
    const int32_t lanes = count * keys;
    const auto listed = static_cast<int32_t>(smaller<int64_t>(lanes, list_.count - first));
    __builtin_memcpy(tokens, list_.first + first, sizeof *tokens * static_cast<size_t>(listed));
    for (int32_t i = listed; i < lanes; i++) tokens[i] = tokens[listed - 1];
    return false;
}

void ItemWalk::write_edge(const Scratch &scratch, int32_t place, const Run &run,
                          int32_t panel) const {
    const int32_t rows = plan_.variant->tile_rows;
    if (run.words == kTested) return;
    const uint32_t *from =
        plan_.words + run.words + static_cast<int64_t>(panel - run.first_panel) * run.words_step;
    uint32_t *to = scratch.words + static_cast<int64_t>(place) * rows;
    for (int32_t r = 0; r < rows; r++) to[r] = from[r];
}

// Consecutive panels of one segment up to the next multiple of chunk: visits those of each run, and
// leaves run and panel behind them.
template <class Visit>
ItemWalk::Item ItemWalk::walk_item(int32_t &run_index, int32_t &panel_of_run, Visit visit) const {
    const int32_t chunk = plan_.variant->chunk;
    const Run *run = &plan_.runs[run_index];
    const int32_t segment = run->segment;
    const int32_t end = ((run->first_panel + panel_of_run) / chunk + 1) * chunk;
    Item item{0, 0};
    while (run_index != end_ && run->segment == segment) {
        const int32_t panel = run->first_panel + panel_of_run;
        const int32_t count = smaller(run->panels - panel_of_run, end - panel);
        if (count <= 0 || panel < end - chunk) break;
        visit(*run, panel, count, item);
        item.slots += count;
        if (run->words != kAllKept) item.edges += count;
        panel_of_run += count;
        if (panel_of_run == run->panels) {
            panel_of_run = 0;
            run = &plan_.runs[++run_index];
        }
    }
    return item;
}

ItemWalk::Item ItemWalk::next_item() const {
    int32_t run = run_, panel = panel_;
    return walk_item(run, panel, [](const Run &, int32_t, int32_t, const Item &) {});
}

// Does a packed panel of the item hold NaN or Inf?
bool ItemWalk::read_item(const Scratch &scratch, int32_t index) {
    const int32_t first = index * plan_.variant->chunk;
    bool nonfinite = false;
    const auto write = [&](const Run &run, int32_t panel, int32_t count, const Item &before) {
        nonfinite |=
            write_slots(scratch, first + before.slots, plan_.segment[run.segment], panel, count);
        for (int32_t i = 0; i < count && run.words != kAllKept; i++) {
            scratch.edges[first + before.edges + i] = before.slots + i;
            write_edge(scratch, first + before.edges + i, run, panel + i);
        }
    };
    walk_item(run_, panel_, write);
    return nonfinite;
}

// Those of a row's pairs that the run keeps; how many.
int32_t ItemWalk::keep_pairs(int32_t *tokens, const Indices &keys) const {
    int32_t kept = 0;
    const auto copy = [&](const Indices &some, uint32_t word) {
        if (word == OwnedKeys::kAll) {
            __builtin_memcpy(tokens + kept, some.first,
                             sizeof *tokens * static_cast<size_t>(some.count));
            kept += static_cast<int32_t>(some.count);
            return;
        }
        int32_t *to = tokens + kept;  // kept itself would be stored for each
        for (int64_t i = 0; i < some.count; i++) {
            *to = some.first[i];  // the next one's place, unless it is kept
            to += word >> i & 1;
        }
        kept = static_cast<int32_t>(to - tokens);
    };
    const Run &run = plan_.runs[run_];
    if (run.words == kTested) {
        OwnedKeys(plan_.pattern, plan_.segment[run.segment].owner, head_of(row_), row_.position(),
                  layout_.k_tokens, in_)
            .each(keys, copy);
    } else {
        copy(keys, OwnedKeys::kAll);
    }
    return kept;
}

// What a pass over the rows takes of the row at hand. What rows before it have read of K and V is
// near.
Indices ItemWalk::pairs_of_pass() {
    Indices &list = row_lists_[rows_done_];
    if (rows_done_ == rows_listed_) {
        const Indices before = rows_done_ > 0 ? row_lists_[rows_done_ - 1] : Indices{};
        list = list_of(listing_atom(plan_, plan_.segment[plan_.runs[run_].segment]), in_,
                       head_of(row_), row_.position(), before);
        rows_listed_++;
    }
    const int64_t most = pairs_in_pass(*plan_.variant);
    const int64_t first = smaller(pass_ * most, list.count);
    more_pairs_ |= list.count - first > most;
    return {list.first + first, smaller(list.count - first, most)};
}

// Of as many rows as one call takes.
int32_t ItemWalk::read_pairs(const Scratch &scratch) {
    const int32_t most = plan_.variant->pairs_most;
    int32_t pairs = 0;
    for (int32_t r = 0; r <= rows_done_; r++) scratch.pair_starts[r] = 0;
    for (; rows_done_ < tile_.rows; rows_done_++, row_.advance()) {
        const Indices keys = pairs_of_pass();
        if (keys.count > most - pairs) break;
        pairs += keep_pairs(scratch.tokens + pairs, keys);
        scratch.pair_starts[rows_done_ + 1] = pairs;
    }
    for (int32_t r = rows_done_ + 1; r <= plan_.variant->tile_rows; r++)
        scratch.pair_starts[r] = pairs;
    return pairs;
}

// A call's pairs, or none if the run has no more: another may read the same, for other heads.
int32_t ItemWalk::next_pairs(const Scratch &scratch) {
    for (;;) {
        if (const int32_t pairs = read_pairs(scratch); pairs > 0) return pairs;
        const bool again = more_pairs_;
        pass_ = again ? pass_ + 1 : 0;
        if (!again) rows_listed_ = 0;
        rows_done_ = 0;
        more_pairs_ = false;
        row_ = {plan_, tile_, in_.globals()};
        if (!again) return 0;
    }
}

bool ItemWalk::next(const Scratch &scratch, int32_t most, Batch *batch) {
    if (most < 1 || run_ == end_) return false;
    const SegmentInfo &info = plan_.segment[plan_.runs[run_].segment];
    if (info.source == Source::kPairs) {
        *batch = {plan_.runs[run_].segment, 1, 0, 0, next_pairs(scratch), false};
        if (batch->pairs > 0) return true;
        run_++;
        return next(scratch, most, batch);
    }
    if (info.source == Source::kList)
        list_ = list_of(listing_atom(plan_, info), in_,
                        int64_t{kv_head_} * plan_.group_heads + tile_.first_head, tile_.position);
    const Item item = next_item();
    *batch = {plan_.runs[run_].segment, 0, item.slots, item.edges, 0, false};
    do {
        batch->nonfinite |= read_item(scratch, batch->items++);
    } while (batch->items < most && run_ != end_ && plan_.runs[run_].segment == batch->segment &&
             next_item() == item);
    return true;
}

}  // namespace lacuna
