#include "runtime/plan_builder.h"

namespace lacuna {

namespace {

constexpr int64_t kStateBytes = 768 << 10;  // of a block with several groups, a thread
constexpr int32_t kBlockTiles = 4;          // tiles of a task with one group

int32_t store_for(lac_plan &plan, const Segment &s) {
    for (int32_t i = 0; i < plan.store_count; i++) {
        if (plan.store[i].modulus == s.modulus) {
            plan.store[i].residues = larger(plan.store[i].residues, s.residues);
            return i;
        }
    }
    plan.store[plan.store_count] = {s.modulus, s.residues};
    return plan.store_count++;
}

// Segments of one row stride follow each other, so that a tile of Q is packed once for all.
void group_segments(lac_plan &plan) {
    bool taken[LAC_MAX_ATOMS] = {};
    for (uint32_t a = 0; a < plan.pattern.atom_count; a++) {
        if (taken[a]) continue;
        const int32_t stride = segment_of(plan.pattern.atom[a]).row_stride;
        Group &g = plan.group[plan.group_count++];
        g = {stride, plan.segment_count, 0};
        for (uint32_t b = a; b < plan.pattern.atom_count; b++) {
            const Segment s = segment_of(plan.pattern.atom[b]);
            if (s.row_stride != stride) continue;
            taken[b] = true;
            plan.segment[plan.segment_count++] = {static_cast<int32_t>(b), store_for(plan, s),
                                                  s.modulus, stride};
            g.segments++;
        }
    }
}

}  // namespace

void describe(lac_plan &plan, const lac_kernel &kernel, const lac_pattern &pattern,
              const lac_shape &shape) {
    plan = {};
    plan.variant = kernel.variant;
    plan.pattern = pattern;
    plan.batch = shape.batch;
    plan.heads = shape.heads;
    plan.kv_heads = shape.kv_heads;
    plan.group_heads = shape.heads / shape.kv_heads;
    plan.q_tokens = shape.q_tokens;
    plan.k_tokens = shape.k_tokens;
    group_segments(plan);
}

PlanBuilder::PlanBuilder(lac_plan &plan, const lac_shape &shape, bool write)
    : plan_(plan), shape_(shape), write_(write) {}

void PlanBuilder::build() {
    const bool heads_differ = by_head(plan_.pattern);
    int64_t task = 0, unit = 0;
    plan_.attended_pairs = plan_.computed_pairs = 0;
    for (int32_t b = 0; b < plan_.batch; b++) {
        const int32_t q = length_of(shape_.q_lengths, b, plan_.q_tokens);
        const int32_t k = length_of(shape_.k_lengths, b, plan_.k_tokens);
        const int32_t start = length_of(shape_.q_starts, b, k - q);
        for (int32_t head = 0; head < plan_.kv_heads; head++, unit++) {
            const bool same = unit > 0 && !heads_differ && layout_.q_tokens == q &&
                              layout_.k_tokens == k && layout_.q_start == start;
            if (!same) add_layout(q, k, start, head);
            plan_.attended_pairs += pairs_.attended;
            plan_.computed_pairs += pairs_.computed;
            put(plan_.units, unit, Unit{static_cast<int32_t>(count_.layouts) - 1, task});
            task += layout_.pack_tasks + layout_.blocks;
        }
    }
    plan_.tasks = task;
}

// Tokens of one span: whole tiles for every residue class, bounded by the state between groups.
int64_t PlanBuilder::span_tokens() const {
    const lac_variant &v = *plan_.variant;
    const int64_t tile_tokens = v.tile_rows / gcd(v.tile_rows, plan_.group_heads);
    int64_t stride = 1;
    for (int32_t g = 0; g < plan_.group_count; g++)
        stride = larger<int64_t>(stride, plan_.group[g].row_stride);
    const int64_t whole = stride * tile_tokens;
    if (plan_.group_count == 1) return stride > 1 ? whole : kBlockTiles * whole;
    const int64_t buffers = smaller(plan_.group_count - 1, 2);
    const int64_t row_bytes = buffers * v.partial_row * static_cast<int64_t>(sizeof(float));
    const auto most = larger<int64_t>(kStateBytes / row_bytes / plan_.group_heads, 1);
    if (whole <= most) return whole;
    return most > stride ? most / stride * stride : most;
}

void PlanBuilder::add_layout(int32_t q_tokens, int32_t k_tokens, int32_t q_start, int32_t kv_head) {
    layout_ = {};
    pairs_ = {};
    kv_head_ = kv_head;
    layout_.q_tokens = q_tokens;
    layout_.k_tokens = k_tokens;
    layout_.q_start = q_start;
    layout_.first_block = static_cast<int32_t>(count_.blocks);
    for (int32_t s = 0; s < plan_.store_count; s++) {
        const Store &store = plan_.store[s];
        layout_.panels_per_residue[s] = static_cast<int32_t>(
            ceil_div(ceil_div(k_tokens, store.modulus), plan_.variant->panel_keys));
        const int64_t panels = panels_in(store, layout_, s);
        plan_.store_panels[s] = larger(plan_.store_panels[s], panels);
        const int64_t tasks = ceil_div(layout_.panels_per_residue[s], kPackPanels);
        layout_.pack_tasks += static_cast<int32_t>(residues_in(store, layout_) * tasks);
    }
    const int64_t tokens = span_tokens(), end = static_cast<int64_t>(q_start) + q_tokens;
    for (int64_t at = q_start; at < end;) {
        int64_t next = smaller((at / tokens + 1) * tokens, end);
        for (uint32_t a = 0; a < plan_.pattern.atom_count; a++)
            for (const int64_t cut : row_cuts_of(plan_.pattern.atom[a], k_tokens).at)
                if (at < cut && cut < next) next = cut;
        add_span(at, next);
        at = next;
    }
    layout_.blocks = static_cast<int32_t>(count_.blocks) - layout_.first_block;
    put(plan_.layouts, count_.layouts++, layout_);
}

// All tiles of tokens first…end-1: one block when groups must meet there, else a few tiles each.
void PlanBuilder::add_span(int64_t first, int64_t end) {
    const bool one_group = plan_.group_count == 1;
    int64_t block_start = count_.tiles;
    const auto close = [&] {
        if (count_.tiles == block_start) return;
        put(plan_.blocks, count_.blocks++,
            TileBlock{static_cast<int32_t>(first), static_cast<int32_t>(end - first),
                      static_cast<int32_t>(block_start),
                      static_cast<int32_t>(count_.tiles - block_start)});
        block_start = count_.tiles;
    };
    for (int32_t g = 0; g < plan_.group_count; g++) {
        const auto classes = smaller<int64_t>(plan_.group[g].row_stride, end - first);
        for (int64_t c = 0; c < classes; c++) {
            add_class_tiles(g, first + c, end);
            if (one_group && count_.tiles - block_start >= kBlockTiles) close();
        }
    }
    if (!one_group)
        plan_.state_rows = larger<int32_t>(plan_.state_rows,
                                           static_cast<int32_t>((end - first) * plan_.group_heads));
    close();
}

// Tiles end at absolute multiples of tile_rows in the class, so that panels and tiles line up in
// the same way wherever a call begins.
void PlanBuilder::add_class_tiles(int32_t group, int64_t position, int64_t end) {
    const int64_t stride = plan_.group[group].row_stride, heads = plan_.group_heads;
    const int64_t tile_rows = plan_.variant->tile_rows;
    const int64_t rows = ceil_div(end - position, stride) * heads;
    const int64_t base = position / stride * heads;
    for (int64_t row = 0; row < rows;) {
        const int64_t next = smaller(((base + row) / tile_rows + 1) * tile_rows - base, rows);
        add_tile(RowTile{group, static_cast<int32_t>(position % stride),
                         static_cast<int32_t>(position), static_cast<int32_t>(row),
                         static_cast<int32_t>(next - row), static_cast<int32_t>(count_.runs), 0});
        row = next;
    }
}

void PlanBuilder::add_tile(const RowTile &tile) {
    tile_ = tile;
    const Group &g = plan_.group[tile.group];
    const int64_t heads = plan_.group_heads, last = tile.first_row + tile.rows - 1;
    rows_ = {tile.position + tile.first_row / heads * g.row_stride,
             tile.position + last / heads * g.row_stride, g.row_stride};
    if (rows_.single()) rows_.step = 0;
    for (int32_t s = 0; s < g.segments; s++) add_segment_runs(g.first_segment + s);
    tile_.runs = static_cast<int32_t>(count_.runs) - tile_.first_run;
    put(plan_.tiles, count_.tiles++, tile_);
}

void PlanBuilder::add_segment_runs(int32_t segment) {
    const SegmentInfo &info = plan_.segment[segment];
    const int64_t n = layout_.k_tokens;
    const KeyRanges keys =
        keys_of(plan_.pattern.atom[info.atom], {rows_.lo, rows_.hi, n, kv_head_});
    const int64_t residue = info.row_stride > 1 ? tile_.residue : 0;
    const int64_t panel = static_cast<int64_t>(info.modulus) * plan_.variant->panel_keys;
    int64_t done = 0;  // ranges may share a panel
    for (int i = 0; i < keys.count; i++) {
        const auto first = larger<int64_t>(keys.range[i].first, 0);
        const int64_t end = smaller(keys.range[i].end, n);
        if (end <= first || end <= residue) continue;
        const int64_t begin = larger(larger<int64_t>(first - residue, 0) / panel, done);
        done = larger(done, ceil_div(end - residue, panel));
        scan(segment, begin, done);
    }
    close_run();
}

Span PlanBuilder::keys_of_panels(int32_t segment, int64_t first, int64_t end) const {
    const SegmentInfo &info = plan_.segment[segment];
    const int64_t residue = info.row_stride > 1 ? tile_.residue : 0;
    const int64_t keys = plan_.variant->panel_keys, m = info.modulus;
    return {residue + first * keys * m, residue + (end * keys - 1) * m, m};
}

// Splits a range of panels until each part is wholly kept, wholly masked, or one tested panel.
void PlanBuilder::scan(int32_t segment, int64_t first, int64_t end) {
    if (first >= end) return;
    const Maybe kept =
        owned<Span>(plan_.pattern, plan_.segment[segment].atom, Span::one(kv_head_), rows_,
                    keys_of_panels(segment, first, end), Span::one(layout_.k_tokens));
    if (kept.never()) return;
    if (kept.always()) {
        extend_run(segment, first, end - first, kAllKept);
    } else if (end - first == 1) {
        add_panel(segment, first);
    } else {
        const int64_t middle = first + (end - first) / 2;
        scan(segment, first, middle);
        scan(segment, middle, end);
    }
}

// The mask words of one panel, a row each; how many pairs they keep. When only counting, some
// words and a positive number.
int64_t PlanBuilder::mask_words(int32_t segment, int64_t panel, uint32_t *words) const {
    const lac_variant &v = *plan_.variant;
    const SegmentInfo &info = plan_.segment[segment];
    const int64_t n = layout_.k_tokens;
    const Lanes lanes = Lanes::from(keys_of_panels(segment, panel, panel + 1).lo, info.modulus);
    const uint32_t used = v.panel_keys == kLanes ? ~0u : (1u << v.panel_keys) - 1;
    int64_t kept = 0, token = -1;
    uint32_t word = 0;
    for (int32_t r = 0; r < v.tile_rows; r++) {
        const int64_t t = (tile_.first_row + r) / plan_.group_heads;
        if (r >= tile_.rows) {
            word = 0;
        } else if (t != token) {
            word = used & owned<Lanes>(plan_.pattern, info.atom, Lanes::one(kv_head_),
                                       Lanes::one(tile_.position + t * info.row_stride), lanes,
                                       Lanes::one(n))
                              .word();
        }
        token = t;
        words[r] = word;
        kept += __builtin_popcount(word);
        if (!write_ && kept > 0) break;  // counting only asks whether there is any
    }
    return kept;
}

// One panel that some rows may see in part.
void PlanBuilder::add_panel(int32_t segment, int64_t panel) {
    const lac_variant &v = *plan_.variant;
    uint32_t words[kMaxTileRows];
    const int64_t kept = mask_words(segment, panel, words);
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
        run_ = {segment, static_cast<int32_t>(first), 0, words};
        run_open_ = true;
    }
    run_.panels += static_cast<int32_t>(panels);
}

void PlanBuilder::close_run() {
    if (!run_open_) return;
    run_open_ = false;
    put(plan_.runs, count_.runs++, run_);
    if (run_.words != kAllKept) return;
    const int64_t keys = static_cast<int64_t>(run_.panels) * plan_.variant->panel_keys;
    pairs_.attended += tile_.rows * keys;
    pairs_.computed += plan_.variant->tile_rows * keys;
}

}  // namespace lacuna
