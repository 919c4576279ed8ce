#include "runtime/attend.h"

#include "runtime/rope.h"
#include "runtime/tile_attention.h"

namespace lacuna {

template <int kWrite>
void TileAttention::prefetch_rows(const lac_tensor &t) const {
    constexpr int64_t kLine = 64;
    const int64_t bytes = t.features * type_bytes(t.type);
    const int64_t head_stride = t.head_stride, token_stride = t.token_stride;
    const TileRowCursor begin = first_row();
    const uint8_t *const first = address(t, begin);
    TileRowCursor row = begin;
    for (int32_t r = 0; r < tile_.rows; r++, row.advance()) {
        const uint8_t *at = first + distance(begin, row, head_stride, token_stride);
        for (const uint8_t *end = at + bytes; at < end; at += kLine) __builtin_prefetch(at, kWrite);
    }
}

void TileAttention::begin() {
    locate_rows();
    pack_queries();
    prefetch_rows<1>(call_.out);  // written when the scores are done
}

bool TileAttention::step(int32_t items) {
    Batch batch;
    while (items > parts_) {
        if (!walk_.next(s_, items - parts_, &batch)) return false;
        attend_batch(batch);
        parts_ += batch.items;
    }
    fold_parts();
    return true;
}

void TileAttention::finish() {
    if (alone_ || tile_.group + 1 == plan_.group_count)
        merge();
    else
        fold(s_.state[tile_.group % 2], t_.state_rows, plan_.state_rows);
}

void TileAttention::attend_batch(const Batch &batch) {
    switch (plan_.segment[batch.segment].source) {
        case Source::kPanels: partial(batch); break;
        case Source::kList: gather(batch); break;
        case Source::kPairs: pairs(batch); break;
    }
}

int32_t TileAttention::run_slice(const Slice &slice) {
    locate_rows();
    pack_queries();
    parts_at_ = slice.parts;
    Batch batch;
    for (parts_ = 0; walk_.next(s_, 1, &batch); parts_++)
        if (parts_ % slice.count == slice.index) attend_batch(batch);
    return parts_;
}

void TileAttention::merge_slices(float *parts, int32_t items) {
    const int64_t size = int64_t{v_.tile_rows} * v_.partial_row;
    for (int32_t first = 0; first < items; first += v_.fold_items) {
        parts_at_ = parts + first * size;
        parts_ = smaller(v_.fold_items, items - first);
        if (parts_ == v_.fold_items) fold_parts();
    }
    merge();
}

void TileAttention::locate_rows() {
    TileRowCursor row = first_row();
    const int32_t rows = v_.tile_rows;
    for (int32_t r = 0; r < rows; r++) {
        t_.positions[r] = row.position();
        if (plan_.group_count > 1)
            t_.state_rows[r] =
                (row.position() - block_.first_token) * plan_.group_heads + row.head();
        t_.slopes[r] = call_.alibi_slopes
                           ? static_cast<float>(call_.alibi_slopes[query_head(row)] * kLog2E)
                           : 0;
        if (call_.sink_logits) begin_with_sink(r, call_.sink_logits[query_head(row)]);
        if (r + 1 < tile_.rows) row.advance();
    }
}

// A sink is a partial result without a value: maximum and sum of one logit, in base-2 units.
void TileAttention::begin_with_sink(int32_t r, float logit) const {
    float *stats = t_.sinks + int64_t{r} * v_.partial_row + int64_t{v_.value_planes} * v_.plane;
    stats[0] = static_cast<float>(logit * kLog2E);
    stats[1] = 1.0f;
}

// The lowest address of the tile's rows; offsets of all rows from it, in elements.
Elements TileAttention::rows_in(const lac_tensor &t, int32_t *extent) {
    const TileRowCursor begin = first_row();
    uint8_t *const first = address(t, begin);
    const int64_t head_stride = t.head_stride >> type_shift(t.type);
    const int64_t token_stride = t.token_stride >> type_shift(t.type);
    int32_t *const offsets = s_.offsets;
    int32_t low = 0, high = 0;
    TileRowCursor row = begin;
    for (int32_t r = 0; r < tile_.rows; r++, row.advance()) {
        const auto at = static_cast<int32_t>(distance(begin, row, head_stride, token_stride));
        offsets[r] = at;
        low = smaller(low, at);
        high = larger(high, at);
    }
    // Rows are in order of tokens: only strides that go back put one below the first.
    for (int32_t r = 0; low < 0 && r < tile_.rows; r++) offsets[r] -= low;
    *extent = high - low + t.features;
    return Elements{first, t.type}.from(low);
}

// The tile's rows of Q turned, side by side where partial results will be.
Elements TileAttention::turned_rows(int32_t *extent) {
    const Elements turned{reinterpret_cast<uint8_t *>(s_.parts), call_.q.type};
    TileRowCursor row = first_row();
    for (int32_t r = 0; r < tile_.rows; r++, row.advance()) {
        s_.offsets[r] = r * v_.head_dim;
        turn_row(*call_.rope, call_.q.type, v_.head_dim, row.position(), address(call_.q, row),
                 turned.from(s_.offsets[r]).data);
    }
    *extent = tile_.rows * v_.head_dim;
    return turned;
}

void TileAttention::pack_queries() {
    if (is_fixed8(v_.type)) {
        pack_fixed8_queries();
        return;
    }
    int32_t extent = 0;
    const Elements rows = call_.rope ? turned_rows(&extent) : rows_in(call_.q, &extent);
    View<1> source(rows, Dim{extent, 1});
    View<1> offsets(s_.offsets, Dim{tile_.rows, 1});
    View<2> packed(t_.queries, Dim{v_.head_dim, 1}, Dim{tile_.rows, v_.head_dim});
    View<1> nonfinite(t_.nonfinite, Dim{1, 1});
    View<1> factor(keys_.query_factors ? keys_.query_factors : s_.ones, Dim{v_.head_dim, 1});
    v_.pack_queries(&source, &offsets, tile_.rows, call_.query_scale, &factor, &packed, &nonfinite);
}

// The scale of a row of integers takes the place of a slope.
void TileAttention::pack_fixed8_queries() {
    const float head_scale = call_.query_scale * *keys_.key_scales;
    TileRowCursor row = first_row();
    for (int32_t r = 0; r < tile_.rows; r++, row.advance()) {
        const int32_t token = row.position() - layout_.q_start, head = query_head(row);
        const float scale = *scale_at(call_.q, head_.sequence, head, token) * head_scale;
        const auto *from = reinterpret_cast<const int8_t *>(address(call_.q, row));
        float *const to = t_.queries + int64_t{r} * v_.head_dim;
        pack_fixed8_row(from, v_.head_dim, scale < 0, reinterpret_cast<int8_t *>(to));
        const int32_t word = row_scale(scale < 0 ? -scale : scale);
        __builtin_memcpy(t_.slopes + r, &word, sizeof word);
    }
    *t_.nonfinite = 0;
}

void TileAttention::fold(float *to, int32_t *index, int32_t count) {
    const Earlier e = earlier();
    View<3> parts(parts_at_, Dim{v_.partial_row, 1}, Dim{v_.tile_rows, v_.partial_row},
                  Dim{parts_, v_.tile_rows * v_.partial_row});
    View<2> before(e.rows, Dim{v_.partial_row, 1}, Dim{e.count, v_.partial_row});
    View<1> before_index(e.index, Dim{v_.tile_rows, 1});
    View<1> out_index(index, Dim{v_.tile_rows, 1});
    View<2> out(to, Dim{v_.partial_row, 1}, Dim{count, v_.partial_row});
    v_.fold(&parts, &before, &before_index, e.any, parts_, tile_.rows, &out_index, count, &out);
    parts_ = 0;
}

void TileAttention::fold_parts() {
    const int32_t next = folded_ == 0 ? 1 : 0;
    fold(folded(next), s_.own_rows, v_.tile_rows);
    folded_ = next;
}

void TileAttention::merge() {
    int32_t extent = 0;
    const Elements rows = rows_in(call_.out, &extent);
    View<1> out(rows, Dim{extent, 1});
    const Earlier e = earlier();
    View<3> parts(parts_at_, Dim{v_.partial_row, 1}, Dim{v_.tile_rows, v_.partial_row},
                  Dim{parts_, v_.tile_rows * v_.partial_row});
    View<2> before(e.rows, Dim{v_.partial_row, 1}, Dim{e.count, v_.partial_row});
    View<1> before_index(e.index, Dim{v_.tile_rows, 1});
    View<1> offsets(s_.offsets, Dim{v_.tile_rows, 1});
    View<1> log_sum_exp(s_.log_sum_exp, Dim{v_.tile_rows, 1});
    v_.merge(&parts, &before, &before_index, e.any, parts_, tile_.rows, &offsets, extent, &out,
             &log_sum_exp);
    if (!call_.log_sum_exp) return;
    TileRowCursor row = first_row();
    for (int32_t r = 0; r < tile_.rows; r++, row.advance()) {
        const int64_t at = static_cast<int64_t>(head_.sequence) * plan_.heads + query_head(row);
        call_.log_sum_exp[at * plan_.q_tokens + row.position() - layout_.q_start] =
            s_.log_sum_exp[r];
    }
}

void prepare_scratch(const Call &call, const Scratch &scratch) {
    const lac_plan &plan = *call.plan;
    const lac_variant &v = *plan.variant;
    // Rows that a short tile does not fill are computed and thrown away: they must hold something.
    for (int32_t t = 0; t < turns(plan); t++) {
        const TileScratch &tile = scratch.tile[t];
        for (int32_t i = 0; i < v.tile_rows * v.head_dim; i++) tile.queries[i] = 0.0f;
        if (!call.sink_logits) continue;
        for (int32_t i = 0; i < v.tile_rows * v.partial_row; i++) tile.sinks[i] = 0.0f;
    }
    for (int32_t d = 0; d < v.head_dim; d++) scratch.ones[d] = 1.0f;
    for (int32_t r = 0; r < v.tile_rows; r++) scratch.own_rows[r] = r;
    for (int32_t i = 0; i < v.fold_items; i++) scratch.tiles[i] = 0;
    for (int32_t i = 0; i < v.tile_rows * v.partial_row; i++) scratch.parts[i] = 0.0f;
}

namespace {

// Tiles from `first` on that take turns: of one group, where the last has more than a fold's items.
int32_t tiles_in_turns(const lac_plan &plan, const TileBlock &block, int32_t first) {
    const RowTile *tiles = plan.tiles + block.first_tile;
    const int32_t most = smaller(turns(plan), block.tiles - first);
    int32_t count = 1;
    while (count < most && tiles[first + count].group == tiles[first].group) count++;
    const RowTile &last = tiles[first + count - 1];
    int64_t panels = 0;
    for (int32_t r = 0; r < last.runs; r++) panels += plan.runs[last.first_run + r].panels;
    return panels > int64_t{plan.variant->fold_items} * plan.variant->chunk ? count : 1;
}

void attend_alone(TileAttention tile, int32_t items) {
    tile.begin();
    while (tile.step(items)) {
    }
    tile.finish();
}

void take_turns(TileAttention *tiles, int32_t count, int32_t items) {
    bool done[kBlockTiles] = {};
    for (int32_t t = 0; t < count; t++) tiles[t].begin();
    for (int32_t left = count; left > 0;) {
        for (int32_t t = 0; t < count; t++) {
            if (done[t] || tiles[t].step(items)) continue;
            tiles[t].finish();
            done[t] = true;
            left--;
        }
    }
}

}  // namespace

void attend_block(const Call &call, const HeadKeys &keys, const Scratch &scratch,
                  const Layout &layout, const Head &head, const TileBlock &block) {
    constexpr int32_t kTurnItems = 2;  // of 256 KB each, where K and V have 128 features of f32
    constexpr int32_t kTurnCalls = 4;  // of pairs: a pass over 16 rows
    const lac_plan &plan = *call.plan;
    const int32_t turn_items = reads_from(plan, Source::kPairs) ? kTurnCalls : kTurnItems;
    const auto tile = [&](int32_t t, int32_t turn) {
        return TileAttention(call, keys, scratch, turn, layout, head, block,
                             plan.tiles[block.first_tile + t]);
    };
    // The tile after the last is most likely this thread's as well.
    const TileBlock &last = plan.blocks[layout.first_block + layout.blocks - 1];
    const int32_t tiles = last.first_tile + last.tiles - block.first_tile;
    for (int32_t t = 0; t < block.tiles;) {
        const int32_t count = tiles_in_turns(plan, block, t), end = t + count - 1;
        if (end + 1 < tiles) tile(end + 1, 0).prefetch_rows<0>(call.q);
        if (count == 1) {
            attend_alone(tile(t, 0), plan.variant->fold_items);
        } else {
            const auto at = [&](int32_t turn) { return tile(smaller(t + turn, end), turn); };
            TileAttention turn[kBlockTiles] = {at(0), at(1), at(2), at(3)};
            take_turns(turn, count, turn_items);
        }
        t = end + 1;
    }
}

void attend_slice(const Call &call, const HeadKeys &keys, const Scratch &scratch,
                  const Layout &layout, const Head &head, const TileBlock &block,
                  const Slice &slice) {
    TileAttention tile(call, keys, scratch, 0, layout, head, block,
                       call.plan->tiles[block.first_tile]);
    const int32_t items = tile.run_slice(slice);
    const auto others = static_cast<uint32_t>(slice.count - 1);
    if (__atomic_fetch_add(slice.finished, 1u, __ATOMIC_ACQ_REL) == others)
        tile.merge_slices(slice.parts, items);
}

}  // namespace lacuna
