// Rows with lists of their own that walk the keys in order.
#include "runtime/plan_builder.h"
#include "runtime/rows.h"

namespace lacuna {

bool PlanBuilder::lists_in_order(int32_t segment) const {
    const lac_atom *reader = row_reader(plan_.pattern);
    return plan_.segment[segment].owner.atoms == kWhole.atoms && tile_.global == kNoGlobals &&
           reader && for_all_heads(*reader) && segment_of(*reader).source == Source::kList &&
           !plan_.tree;
}

// Lists keep some keys of nearly each panel: halving ranges only asks again and again (1,024 rows
// of 256 keys took 30 ms). When only counting, as many panels and runs as there may be.
void PlanBuilder::add_listed_rows(int32_t segment) {
    const lac_variant &v = *plan_.variant;
    const int64_t keys = plan_.pattern.bidi ? layout_.k_tokens : rows_.hi + 1;
    const auto panels = static_cast<int32_t>(ceil_div(keys, int64_t{v.panel_keys}));
    if (!write_) {
        put_run({segment, 0, panels, 0, v.tile_rows});
        count_.runs += panels - 1;
        count_.words += int64_t{panels} * v.tile_rows;
        return;
    }
    auto *const words = const_cast<uint32_t *>(plan_.words) + count_.words;
    for (int64_t i = 0; i < int64_t{panels} * v.tile_rows; i++) words[i] = 0;
    add_listed(words, panels);
    for (int32_t p = 0; p < panels; p++) {
        uint32_t *const of_panel = words + int64_t{p} * v.tile_rows;
        if (plan_.pattern.atom_count > 1) add_unlisted(segment, p, of_panel);
        put_words(segment, p, of_panel);
    }
    close_run();
}

// A panel whose rows keep what the words say, which lie no earlier than their place.
void PlanBuilder::put_words(int32_t segment, int32_t panel, const uint32_t *words) {
    const lac_variant &v = *plan_.variant;
    int64_t kept = 0;
    for (int32_t r = 0; r < tile_.rows; r++) kept += __builtin_popcount(words[r]);
    if (kept == 0) return;
    const bool all = kept == int64_t{tile_.rows} * v.panel_keys;
    extend_run(segment, panel, 1, all ? kAllKept : static_cast<uint32_t>(count_.words));
    if (all) return;  // close_run() counts the pairs
    for (int32_t r = 0; r < v.tile_rows; r++) put(plan_.words, count_.words++, words[r]);
    pairs_.attended += kept;
    pairs_.computed += int64_t{v.tile_rows} * v.panel_keys;
}

// A step along each row's list, or the words of the row above where it is the same.
void PlanBuilder::add_listed(uint32_t *words, int32_t panels) const {
    const lac_variant &v = *plan_.variant;
    const int32_t shift = __builtin_ctz(static_cast<uint32_t>(v.panel_keys));
    Indices above{}, list{};
    TileRowCursor row(plan_, tile_, globals_);
    for (int32_t r = 0; r < tile_.rows; r++, row.advance()) {
        const int64_t head = int64_t{kv_head_} * plan_.group_heads + row.head();
        list = list_of(*row_reader(plan_.pattern), in_, head, row.position(), list);
        list.count = list.place_of(plan_.pattern.bidi ? layout_.k_tokens : row.position() + 1);
        uint32_t *const of_row = words + r;
        if (r > 0 && list.first == above.first && list.count == above.count) {
            for (int32_t p = 0; p < panels; p++)
                of_row[int64_t{p} * v.tile_rows] = of_row[int64_t{p} * v.tile_rows - 1];
            continue;
        }
        for (int64_t i = 0; i < list.count; i++) {
            const int32_t key = list.first[i];
            of_row[int64_t{key >> shift} * v.tile_rows] |= 1u << (key & (v.panel_keys - 1));
        }
        above = list;
    }
}

// The pairs that atoms without lists keep.
void PlanBuilder::add_unlisted(int32_t segment, int64_t panel, uint32_t *words) const {
    const auto reader = static_cast<uint32_t>(row_reader(plan_.pattern) - plan_.pattern.atom);
    const Owner others{kWhole.atoms & ~only(reader), 0};
    const Span keys = keys_of_panels(segment, panel, panel + 1), n = Span::one(layout_.k_tokens);
    if (owned<Span>(plan_.pattern, others, {heads_, rows_, keys, n, in_}).never()) return;
    uint32_t more[kMaxTileRows];
    mask_words(segment, others, panel, more);
    for (int32_t r = 0; r < tile_.rows; r++) words[r] |= more[r];
}

}  // namespace lacuna
