// The panels of a tile: for each segment, runs of panels that its rows keep wholly or in part.
#include "runtime/plan_builder.h"
#include "runtime/rows.h"

namespace lacuna {

void PlanBuilder::add_segment_runs(int32_t segment) {
    switch (plan_.segment[segment].source) {
        case Source::kPanels: add_panel_runs(segment); break;
        case Source::kList: add_list_runs(segment); break;
        case Source::kPairs: add_pair_run(segment); break;
    }
}

void PlanBuilder::add_panel_runs(int32_t segment) {
    if (lists_in_order(segment)) {
        add_listed_rows(segment);
        return;
    }
    const SegmentInfo &info = plan_.segment[segment];
    const KeyRanges keys =
        keys_of(plan_.pattern, info.owner.atoms, {rows_.lo, rows_.hi, layout_.k_tokens, kv_head_});
    const int64_t residue = info.row_stride > 1 ? tile_.residue : 0;
    const int64_t panel = static_cast<int64_t>(info.modulus) * plan_.variant->panel_keys;
    int64_t done = 0;  // ranges may share a panel
    for (int i = 0; i < keys.count; i++) {
        const auto [first, end] = keys.range[i];
        if (end <= residue) continue;
        const int64_t begin = larger(larger<int64_t>(first - residue, 0) / panel, done);
        done = larger(done, ceil_div(end - residue, panel));
        scan(segment, begin, done);
    }
    close_run();
}

// All rows of the tile share the list, which its "panels" cut into pieces of panel_keys.
void PlanBuilder::add_list_runs(int32_t segment) {
    list_ = list_of(listing_atom(plan_, plan_.segment[segment]), in_, heads_.lo, rows_.lo);
    scan(segment, 0, ceil_div(list_.count, plan_.variant->panel_keys));
    close_run();
}

// One run stands for the pairs of all rows; which of them an earlier segment owns, or lie ahead, is
// asked pair by pair when they are expanded.
void PlanBuilder::add_pair_run(int32_t segment) {
    const SegmentInfo &info = plan_.segment[segment];
    TileRowCursor row(plan_, tile_, globals_);
    int64_t kept = 0, listed = 0, longest = 0;
    Indices keys;
    for (int32_t r = 0; r < tile_.rows; r++, row.advance()) {
        const int64_t head = int64_t{kv_head_} * plan_.group_heads + row.head();
        const int64_t q = row.position();
        keys = list_of(listing_atom(plan_, info), in_, head, q, keys);
        listed += keys.count;
        longest = larger(longest, keys.count);
        OwnedKeys owned(plan_.pattern, info.owner, head, q, layout_.k_tokens, in_);
        owned.each(keys, [&](const Indices &some, uint32_t word) {
            kept += word == OwnedKeys::kAll ? some.count : __builtin_popcount(word);
        });
    }
    if (kept == 0) return;
    // All calls of a pass but the last have no room for another row's.
    const int64_t of_row = pairs_in_pass(*plan_.variant);
    const int64_t calls =
        listed / (plan_.variant->pairs_most - of_row + 1) + ceil_div(longest, of_row);
    put_run(Run{segment, 0, static_cast<int32_t>(calls) * plan_.variant->chunk,
                kept == listed ? kAllKept : kTested, 0});
    pairs_.attended += kept;
    pairs_.computed += kept;
}

Span PlanBuilder::keys_of_panels(int32_t segment, int64_t first, int64_t end) const {
    const SegmentInfo &info = plan_.segment[segment];
    const int64_t keys = plan_.variant->panel_keys;
    if (info.source == Source::kPanels) {
        const int64_t residue = info.row_stride > 1 ? tile_.residue : 0, m = info.modulus;
        return {residue + first * keys * m, residue + (end * keys - 1) * m, m};
    }
    const int64_t last = smaller(end * keys, list_.count) - 1;
    const int64_t low = list_.first[first * keys], high = list_.first[last];
    return {low, high, low == high ? 0 : 1};
}

// Do all, none or some rows of the tile keep the keys of these panels?
Maybe PlanBuilder::owned_panels(int32_t segment, int64_t first, int64_t end) const {
    const SegmentInfo &info = plan_.segment[segment];
    const bool listed = info.source == Source::kList;
    const Pair<Span> pair{heads_, rows_, keys_of_panels(segment, first, end),
                          Span::one(layout_.k_tokens), in_};
    Maybe kept = owned<Span>(plan_.pattern, info.owner, pair, listed);
    // A piece that its keys do not fill.
    if (listed && end * plan_.variant->panel_keys > list_.count) kept.can_fail = true;
    return kept;
}

// Splits a range of panels until each part is wholly kept, wholly masked, of rows that each keep
// all or none of it, or one tested panel.
void PlanBuilder::scan(int32_t segment, int64_t first, int64_t end) {
    if (first >= end) return;
    const Maybe kept = owned_panels(segment, first, end);
    if (kept.never()) return;
    if (kept.always()) {
        extend_run(segment, first, end - first, kAllKept);
    } else if (add_alike(segment, first, end)) {
        return;
    } else if (end - first == 1) {
        add_panel(segment, first);
    } else {
        const int64_t middle = first + (end - first) / 2;
        scan(segment, first, middle);
        scan(segment, middle, end);
    }
}

// Where rows differ by more than their place (mixes of heads, lists of blocks), each often keeps
// all or nothing of a long range: its panels share their mask words.
bool PlanBuilder::add_alike(int32_t segment, int64_t first, int64_t end) {
    const lac_variant &v = *plan_.variant;
    const SegmentInfo &info = plan_.segment[segment];
    if (!plan_.rows_differ || v.pattern || info.source != Source::kPanels) return false;
    const Span keys = keys_of_panels(segment, first, end), n = Span::one(layout_.k_tokens);
    uint32_t words[kMaxTileRows] = {};
    int64_t rows = 0;
    TileRowCursor row(plan_, tile_, globals_);
    for (int32_t r = 0; r < tile_.rows; r++, row.advance()) {
        const int64_t head = int64_t{kv_head_} * plan_.group_heads + row.head();
        const Maybe kept = owned<Span>(plan_.pattern, info.owner,
                                       {Span::one(head), Span::one(row.position()), keys, n, in_});
        if (kept.can_hold && kept.can_fail) return false;
        if (!kept.can_hold) continue;
        words[r] = all_lanes(v);
        rows++;
    }
    if (rows == 0) return true;
    close_run();
    const int64_t count = (end - first) * v.panel_keys;
    put_run(Run{segment, static_cast<int32_t>(first), static_cast<int32_t>(end - first),
                static_cast<uint32_t>(count_.words), 0});
    for (int32_t r = 0; r < v.tile_rows; r++) put(plan_.words, count_.words++, words[r]);
    pairs_.attended += rows * count;
    pairs_.computed += v.tile_rows * count;
    return true;
}

Lanes PlanBuilder::keys_of_panel(int32_t segment, int64_t panel) const {
    const SegmentInfo &info = plan_.segment[segment];
    const int64_t first = panel * plan_.variant->panel_keys;
    if (info.source == Source::kPanels)
        return Lanes::from((info.row_stride > 1 ? tile_.residue : 0) + first * info.modulus,
                           info.modulus);
    Lanes lanes = Lanes::one(INT32_MAX);  // no sequence has this key
    for (int64_t i = 0; i < plan_.variant->panel_keys && first + i < list_.count; i++)
        lanes.lane[i] = list_.first[first + i];
    return lanes;
}

// The mask words of one panel, a row each; how many pairs they keep. When only counting, some
// words and a positive number.
int64_t PlanBuilder::mask_words(int32_t segment, const Owner &owner, int64_t panel,
                                uint32_t *words) const {
    const lac_variant &v = *plan_.variant;
    const SegmentInfo &info = plan_.segment[segment];
    const Lanes lanes = keys_of_panel(segment, panel), n = Lanes::one(layout_.k_tokens);
    int64_t kept = 0, token = -1;
    uint32_t word = 0;
    TileRowCursor row(plan_, tile_, globals_);
    for (int32_t r = 0; r < v.tile_rows; r++) {
        if (r >= tile_.rows) {
            word = 0;
        } else if (row.position() != token || plan_.query_heads_differ) {
            const int64_t head = int64_t{kv_head_} * plan_.group_heads + row.head();
            const Pair<Lanes> pair{Lanes::one(head), Lanes::one(row.position()), lanes, n, in_};
            word = all_lanes(v) &
                   owned<Lanes>(plan_.pattern, owner, pair, info.source == Source::kList).word();
            token = row.position();
        }
        words[r] = word;
        kept += __builtin_popcount(word);
        if (!write_ && kept > 0) break;  // counting only asks whether there is any
        if (r + 1 < tile_.rows) row.advance();
    }
    return kept;
}

// One panel that some rows may see in part.
void PlanBuilder::add_panel(int32_t segment, int64_t panel) {
    const lac_variant &v = *plan_.variant;
    uint32_t words[kMaxTileRows];
    const int64_t kept = mask_words(segment, plan_.segment[segment].owner, panel, words);
    if (kept == 0) return;
    extend_run(segment, panel, 1, v.pattern ? kTested : static_cast<uint32_t>(count_.words));
    if (!v.pattern)
        for (int32_t r = 0; r < v.tile_rows; r++) put(plan_.words, count_.words++, words[r]);
    pairs_.attended += kept;
    pairs_.computed += static_cast<int64_t>(v.tile_rows) * v.panel_keys;
}

// Adds panels to the open run, or opens the next one when they do not continue it.
void PlanBuilder::extend_run(int32_t segment, int64_t first, int64_t panels, uint32_t words) {
    const bool tested = words != kAllKept;
    const bool continues =
        run_open_ && tested == (run_.words != kAllKept) && run_.first_panel + run_.panels == first;
    if (!continues) {
        close_run();
        run_ = {segment, static_cast<int32_t>(first), 0, words, plan_.variant->tile_rows};
        run_open_ = true;
    }
    run_.panels += static_cast<int32_t>(panels);
}

// A store that no run reads is not packed.
void PlanBuilder::put_run(const Run &run) {
    put(plan_.runs, count_.runs++, run);
    count_items(run);
    const int32_t store = plan_.segment[run.segment].store;
    if (store == kNoStore) return;
    const auto end = int64_t{run.first_panel} + run.panels;
    block_rounds_ =
        larger(block_rounds_, static_cast<int32_t>(ceil_div(end, int64_t{kPackPanels})));
    store_read_[store] = true;
}

// An item holds the panels of a segment up to the next multiple of chunk, of one run or several.
void PlanBuilder::count_items(const Run &run) {
    const int32_t chunk = plan_.variant->chunk;
    const int32_t first = run.first_panel / chunk;
    const int32_t last = (run.first_panel + run.panels - 1) / chunk;
    const bool continues = run.segment == item_segment_ && first == item_number_;
    items_ += last - first + (continues ? 0 : 1);
    item_segment_ = run.segment;
    item_number_ = last;
}

void PlanBuilder::close_run() {
    if (!run_open_) return;
    run_open_ = false;
    put_run(run_);
    if (run_.words != kAllKept) return;
    const int64_t keys = static_cast<int64_t>(run_.panels) * plan_.variant->panel_keys;
    pairs_.attended += tile_.rows * keys;
    pairs_.computed += plan_.variant->tile_rows * keys;
}

}  // namespace lacuna
