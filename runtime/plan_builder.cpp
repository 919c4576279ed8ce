#include "runtime/plan_builder.h"

#include "runtime/rows.h"

namespace lacuna {

namespace {

constexpr int64_t kStateBytes = 768 << 10;  // of a block with several groups, a thread

}  // namespace

PlanBuilder::PlanBuilder(lac_plan &plan, const lac_shape &shape, bool write)
    : plan_(plan), shape_(shape), write_(write) {}

void PlanBuilder::build() {
    int64_t task = 0, unit = 0;
    plan_.attended_pairs = plan_.computed_pairs = plan_.unit_blocks = 0;
    for (int32_t b = 0; b < plan_.batch; b++) {
        Layout next{};
        next.q_tokens = queries_in(shape_, b);
        next.k_tokens = keys_in(shape_, b);
        next.q_start = static_cast<int32_t>(sequence_of(shape_, nullptr, b).q_start);
        for (int32_t head = 0; head < plan_.kv_heads; head++, unit++) {
            if (unit == 0 || !same_layout(next, b, head)) add_layout(next, b, head);
            plan_.attended_pairs += pairs_.attended;
            plan_.computed_pairs += pairs_.computed;
            put(plan_.units, unit, Unit{static_cast<int32_t>(count_.layouts) - 1, task});
            task += layout_.pack_tasks + layout_.blocks;
            plan_.unit_blocks += layout_.blocks;
        }
    }
    plan_.tasks = task;
}

// Does the last layout serve this head as well?
bool PlanBuilder::same_layout(const Layout &next, int32_t sequence, int32_t kv_head) const {
    if (plan_.heads_differ && kv_head != kv_head_) return false;
    const bool own_lists = (row_reader(plan_.pattern) && plan_.lists.batch > 1) ||
                           (plan_.lists.globals && plan_.lists.global_starts) || plan_.tree;
    if (own_lists && sequence != in_.index) return false;
    return layout_.q_tokens == next.q_tokens && layout_.k_tokens == next.k_tokens &&
           layout_.q_start == next.q_start;
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

// Keys of a store that some row may read, from the first on.
int64_t PlanBuilder::keys_read(int32_t store) const {
    if (!store_read_[store]) return 0;
    const int64_t n = layout_.k_tokens, end = int64_t{layout_.q_start} + layout_.q_tokens;
    bool by_order = false, by_groups = false;
    for (int32_t s = 0; s < plan_.segment_count; s++)
        if (plan_.segment[s].store == store)
            (plan_.segment[s].owner.atoms == kWhole.atoms ? by_order : by_groups) = true;
    if (by_groups && end > dense_order_end()) return n;
    if (!by_order) return 0;
    return plan_.pattern.bidi || globals_.count > 0 ? n : smaller(n, dense_order_end());
}

void PlanBuilder::count_panels() {
    for (int32_t s = 0; s < plan_.store_count; s++) {
        const Store &store = plan_.store[s];
        const int64_t keys = ceil_div(keys_read(s), store.modulus);
        layout_.panels_per_residue[s] =
            static_cast<int32_t>(ceil_div(keys, plan_.variant->panel_keys));
    }
    layout_.pack_tasks = packs_in(plan_, layout_, INT32_MAX);
}

void PlanBuilder::add_layout(const Layout &layout, int32_t sequence, int32_t kv_head) {
    layout_ = layout;
    pairs_ = {};
    kv_head_ = kv_head;
    in_ = sequence_of(plan_, layout, sequence);
    globals_ = in_.globals();
    layout_.first_block = static_cast<int32_t>(count_.blocks);
    for (bool &read : store_read_) read = false;
    const int64_t tokens = span_tokens(), end = int64_t{layout.q_start} + layout.q_tokens;
    const int64_t begin = smaller(larger<int64_t>(dense_order_end(), layout.q_start), end);
    add_dense_order(layout.q_start, begin);
    for (int64_t at = begin; at < end;) {
        const int64_t next = smaller((at / tokens + 1) * tokens, end);
        add_span(at, next);
        at = next;
    }
    add_global_tiles(layout.q_start, end);
    count_panels();
    layout_.blocks = static_cast<int32_t>(count_.blocks) - layout_.first_block;
    order_packs();
    put(plan_.layouts, count_.layouts++, layout_);
}

// All tiles of tokens first…end-1: one block when groups must meet there, else a few tiles each.
void PlanBuilder::add_span(int64_t first, int64_t end) {
    const bool one_group = plan_.group_count == 1;
    int64_t block_start = count_.tiles;
    const auto close = [&] {
        if (count_.tiles == block_start) return;
        put_block({static_cast<int32_t>(first), static_cast<int32_t>(end - first),
                   static_cast<int32_t>(block_start),
                   static_cast<int32_t>(count_.tiles - block_start), 0, 0});
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

void PlanBuilder::add_class_tiles(int32_t group, int64_t position, int64_t end) {
    const Group &g = plan_.group[group];
    RowTile tile{};
    tile.group = group;
    tile.residue = static_cast<int32_t>(position % g.row_stride);
    tile.position = static_cast<int32_t>(position);
    tile.global = kNoGlobals;
    const int32_t alone = plan_.group_heads / g.row_heads;  // heads with tiles of their own
    for (tile.first_head = 0; tile.first_head < alone; tile.first_head++) add_head_tiles(tile, end);
}

// Rows before this one in the tiles' numbering. Tiles end at absolute multiples of tile_rows, or
// of tile_rows within a list, so that panels and tiles line up wherever a call begins.
int64_t PlanBuilder::row_number(const RowTile &tile) const {
    const Group &g = plan_.group[tile.group];
    const int64_t token = g.list_tokens > 0 ? (tile.position - in_.q_start) % g.list_tokens
                                            : tile.position / g.row_stride;
    return token * g.row_heads + (g.row_heads > 1 ? tile.first_head : 0);
}

// Tiles of the class that begins with `tile`'s first row.
void PlanBuilder::add_head_tiles(RowTile tile, int64_t end) {
    const Group &g = plan_.group[tile.group];
    const int64_t tile_rows = plan_.variant->tile_rows;
    const int64_t list_rows = int64_t{g.list_tokens} * g.row_heads;
    TileRowCursor next(plan_, tile, {});
    while (next.position() < end) {
        tile.position = next.position();
        tile.first_head = next.head();
        tile.rows = 0;
        const int64_t number = row_number(tile);
        int64_t places = tile_rows - number % tile_rows;
        if (list_rows > 0) places = smaller(places, list_rows - number);
        for (; places > 0 && next.position() < end; places--, next.advance()) {
            if (globals_.contains(next.position())) continue;
            if (tile.rows++ > 0) continue;
            tile.position = next.position();
            tile.first_head = next.head();
        }
        if (tile.rows > 0) add_tile(tile);
    }
}

// Rows before this position walk the whole pattern in the order of keys.
int64_t PlanBuilder::dense_order_end() const {
    if (!plan_.pattern.bidi) return plan_.crossover;
    return layout_.k_tokens <= plan_.crossover ? layout_.k_tokens : 0;
}

void PlanBuilder::add_dense_order(int64_t first, int64_t end) {
    for (int64_t at = first; at < end;) {
        const int64_t tokens = int64_t{kBlockTiles} * plan_.variant->tile_rows;
        const int64_t next = smaller((at / tokens + 1) * tokens, end), tiles = count_.tiles;
        add_class_tiles(plan_.group_count, at, next);
        if (count_.tiles > tiles)
            put_block({static_cast<int32_t>(at), static_cast<int32_t>(next - at),
                       static_cast<int32_t>(tiles), static_cast<int32_t>(count_.tiles - tiles), 0,
                       0});
        at = next;
    }
}

// Rows that see everything share tiles with each other only, and walk the keys in order.
void PlanBuilder::add_global_tiles(int64_t first, int64_t end) {
    const int64_t last = globals_.place_of(end), heads = plan_.group_heads;
    const int64_t begin = globals_.place_of(first), rows = (last - begin) * heads;
    in_.global_rows = GlobalRows::kAll;
    for (int64_t row = 0; row < rows; row += plan_.variant->tile_rows) {
        RowTile tile{};
        tile.group = plan_.group_count;
        tile.global = static_cast<int32_t>(begin + row / heads);
        tile.position = globals_.first[tile.global];
        tile.first_head = static_cast<int32_t>(row % heads);
        tile.rows = static_cast<int32_t>(smaller<int64_t>(rows - row, plan_.variant->tile_rows));
        add_tile(tile);
        put_block({tile.position, 1, static_cast<int32_t>(count_.tiles) - 1, 1, 0, 0});
    }
    in_.global_rows = GlobalRows::kUnknown;
}

// `packs` are rounds until order_packs() knows how many tasks they have.
void PlanBuilder::put_block(TileBlock block) {
    block.packs = block_rounds_;
    block_rounds_ = 0;
    put(plan_.blocks, count_.blocks++, block);
    plan_.most_tiles = larger(plan_.most_tiles, block.tiles);
}

void PlanBuilder::add_tile(const RowTile &tile) {
    tile_ = tile;
    items_ = 0;
    item_segment_ = item_number_ = -1;
    tile_.first_run = static_cast<int32_t>(count_.runs);
    const Group &g = plan_.group[tile.group];
    TileRowCursor row(plan_, tile_, globals_);
    const int32_t first = row.position();
    int32_t low = row.head(), high = low;
    for (int32_t r = 1; r < tile.rows; r++) {
        row.advance();
        low = smaller(low, row.head());
        high = larger(high, row.head());
    }
    const bool even = tile.global == kNoGlobals && globals_.count == 0;
    rows_ = {first, row.position(), even ? g.row_stride : 1};
    if (rows_.single()) rows_.step = 0;
    const int64_t base = int64_t{kv_head_} * plan_.group_heads;
    heads_ = {base + low, base + high, low == high ? 0 : 1};
    if (globals_.count > 0 && tile.global == kNoGlobals) in_.global_rows = GlobalRows::kNone;
    for (int32_t s = 0; s < g.segments; s++) add_segment_runs(g.first_segment + s);
    if (tile.global == kNoGlobals) in_.global_rows = GlobalRows::kUnknown;
    tile_.runs = static_cast<int32_t>(count_.runs) - tile_.first_run;
    plan_.most_items = larger(plan_.most_items, items_);
    put(plan_.tiles, count_.tiles++, tile_);
}

}  // namespace lacuna
