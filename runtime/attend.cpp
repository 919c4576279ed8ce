#include "runtime/attend.h"

#include "runtime/items.h"

namespace lacuna {

namespace {

class TileAttention {
public:
    TileAttention(const Call &call, const Workspace &workspace, const Scratch &scratch,
                  const Layout &layout, const Head &head, const TileBlock &block,
                  const RowTile &tile)
        : call_(call),
          plan_(*call.plan),
          v_(*plan_.variant),
          workspace_(workspace),
          s_(scratch),
          layout_(layout),
          head_(head),
          block_(block),
          tile_(tile) {}

    void run() {
        locate_rows();
        pack_queries();
        prefetch_rows(call_.out, true);  // written when the scores are done
        ItemWalk walk(plan_, layout_, tile_);
        Batch batch;
        while (walk.next(s_, v_.fold_items - parts_, &batch)) {
            partial(batch);
            if (parts_ == v_.fold_items) fold_into_spare();
        }
        if (tile_.group + 1 == plan_.group_count)
            merge();
        else
            fold(s_.state[tile_.group % 2], s_.state_rows, plan_.state_rows);
    }

    // Asks for the tile's rows ahead of their use: rows of a strided tile lie too far apart for the
    // hardware to guess.
    void prefetch_rows(const lac_tensor &t, bool to_write) const {
        constexpr int64_t kLine = 64;
        const int64_t bytes = t.features * static_cast<int64_t>(sizeof(float));
        RowCursor row = first_row();
        for (int32_t r = 0; r < tile_.rows; r++, advance(row)) {
            const uint8_t *at = address(t, row);
            for (const uint8_t *end = at + bytes; at < end; at += kLine)
                to_write ? __builtin_prefetch(at, 1) : __builtin_prefetch(at, 0);
        }
    }

private:
    // A row as a position in the sequence and a query head of the group; stepped, not divided.
    struct RowCursor {
        int32_t position, head;
    };
    RowCursor first_row() const {
        const int32_t stride = plan_.group[tile_.group].row_stride;
        return {tile_.position + tile_.first_row / plan_.group_heads * stride,
                tile_.first_row % plan_.group_heads};
    }
    void advance(RowCursor &row) const {
        if (++row.head < plan_.group_heads) return;
        row.head = 0;
        row.position += plan_.group[tile_.group].row_stride;
    }
    int32_t query_head(const RowCursor &row) const {
        return head_.kv_head * plan_.group_heads + row.head;
    }
    uint8_t *address(const lac_tensor &t, const RowCursor &row) const {
        return static_cast<uint8_t *>(t.data) + head_.sequence * t.batch_stride +
               query_head(row) * t.head_stride + (row.position - layout_.q_start) * t.token_stride;
    }
    float *part(int32_t index) const {
        return s_.parts + static_cast<int64_t>(index) * v_.tile_rows * v_.partial_row;
    }

    void locate_rows() {
        RowCursor row = first_row();
        for (int32_t r = 0; r < v_.tile_rows; r++) {
            s_.positions[r] = row.position;
            if (plan_.group_count > 1)
                s_.state_rows[r] =
                    (row.position - block_.first_token) * plan_.group_heads + row.head;
            if (r + 1 < tile_.rows) advance(row);
        }
    }

    // The lowest address of the tile's rows; offsets of all rows from it, in elements.
    float *rows_in(const lac_tensor &t, int32_t *extent) {
        RowCursor row = first_row();
        auto *const first = reinterpret_cast<float *>(address(t, row));
        int32_t low = 0, high = 0;
        for (int32_t r = 0; r < tile_.rows; r++, advance(row)) {
            s_.offsets[r] =
                static_cast<int32_t>(reinterpret_cast<float *>(address(t, row)) - first);
            low = smaller(low, s_.offsets[r]);
            high = larger(high, s_.offsets[r]);
        }
        for (int32_t r = 0; r < tile_.rows; r++) s_.offsets[r] -= low;
        *extent = high - low + t.features;
        return first + low;
    }

    void pack_queries() {
        int32_t extent = 0;
        const float *rows = rows_in(call_.q, &extent);
        View<1> source(rows, Dim{extent, 1});
        View<1> offsets(s_.offsets, Dim{tile_.rows, 1});
        View<2> packed(s_.queries, Dim{v_.head_dim, 1}, Dim{tile_.rows, v_.head_dim});
        View<1> nonfinite(s_.nonfinite, Dim{1, 1});
        v_.pack_queries(&source, &offsets, tile_.rows, call_.query_scale, &packed, &nonfinite);
    }

    bool careful(const PackedStore &store, const Batch &batch) const {
        uint32_t any = *s_.nonfinite;
        for (int32_t i = 0; i < batch.items; i++) {
            for (int32_t slot = 0; slot < batch.slots; slot++) {
                const int32_t panel = s_.panels[i * v_.chunk + slot];
                any |= store.keys_nonfinite[panel] | store.values_nonfinite[panel];
            }
        }
        return any != 0;
    }

    void partial(const Batch &batch) {
        const SegmentInfo &info = plan_.segment[batch.segment];
        const PackedStore store = workspace_.store(head_.slot, info.store);
        const auto panels = static_cast<int32_t>(store.panels);
        const int32_t key_floats = v_.panel_keys * v_.head_dim;
        const int32_t value_floats = v_.panel_keys * v_.plane;
        View<3> queries(s_.queries, Dim{v_.head_dim, 1}, Dim{v_.tile_rows, v_.head_dim},
                        Dim{1, v_.tile_rows * v_.head_dim});
        View<3> keys(store.keys, Dim{v_.panel_keys, 1}, Dim{v_.head_dim, v_.panel_keys},
                     Dim{panels, key_floats});
        View<4> values(store.values, Dim{v_.plane, 1}, Dim{v_.panel_keys, v_.plane},
                       Dim{panels, value_floats}, Dim{v_.value_planes, panels * value_floats});
        View<2> slots(s_.panels, Dim{batch.slots, 1}, Dim{batch.items, v_.chunk});
        View<1> tiles(s_.tiles, Dim{batch.items, 1});
        View<2> edges(s_.edges, Dim{batch.edges, 1}, Dim{batch.items, v_.chunk});
        View<3> out(part(parts_), Dim{v_.partial_row, 1}, Dim{v_.tile_rows, v_.partial_row},
                    Dim{batch.items, v_.tile_rows * v_.partial_row});
        const bool careful_path = careful(store, batch);
        if (v_.pattern) {
            View<2> positions(s_.positions, Dim{v_.tile_rows, 1}, Dim{batch.items, 0});
            View<2> first_keys(s_.first_keys, Dim{batch.edges, 1}, Dim{batch.items, v_.chunk});
            // Lanes past the sequence stay below 2^31 and are masked by their position.
            const int32_t step = smaller(info.modulus, layout_.k_tokens);
            v_.partial_pattern(&queries, &keys, &values, &slots, &tiles, &edges, batch.slots,
                               batch.edges, call_.softcap, careful_path, &positions, &first_keys,
                               step, info.atom, layout_.k_tokens, &out);
        } else {
            View<3> words(s_.words, Dim{v_.tile_rows, 1}, Dim{batch.edges, v_.tile_rows},
                          Dim{batch.items, v_.chunk * v_.tile_rows});
            v_.partial_words(&queries, &keys, &values, &slots, &tiles, &edges, batch.slots,
                             batch.edges, call_.softcap, careful_path, &words, &out);
        }
        parts_ += batch.items;
    }

    // What the fold so far left: a spare part, the state of earlier groups, or nothing yet.
    struct Earlier {
        float *rows;
        int32_t *index;
        int32_t count;
        bool any;
    };
    Earlier earlier() const {
        if (spare_ >= 0) return {part(v_.fold_items + spare_), s_.own_rows, v_.tile_rows, true};
        if (tile_.group > 0)
            return {s_.state[(tile_.group - 1) % 2], s_.state_rows, plan_.state_rows, true};
        return {part(0), s_.own_rows, v_.tile_rows, false};
    }

    void fold(float *to, int32_t *index, int32_t count) {
        const Earlier e = earlier();
        View<3> parts(s_.parts, Dim{v_.partial_row, 1}, Dim{v_.tile_rows, v_.partial_row},
                      Dim{parts_, v_.tile_rows * v_.partial_row});
        View<2> before(e.rows, Dim{v_.partial_row, 1}, Dim{e.count, v_.partial_row});
        View<1> before_index(e.index, Dim{v_.tile_rows, 1});
        View<1> out_index(index, Dim{v_.tile_rows, 1});
        View<2> out(to, Dim{v_.partial_row, 1}, Dim{count, v_.partial_row});
        v_.fold(&parts, &before, &before_index, e.any, parts_, tile_.rows, &out_index, count, &out);
        parts_ = 0;
    }

    void fold_into_spare() {
        const int32_t next = spare_ == 0 ? 1 : 0;
        fold(part(v_.fold_items + next), s_.own_rows, v_.tile_rows);
        spare_ = next;
    }

    void merge() {
        int32_t extent = 0;
        float *rows = rows_in(call_.out, &extent);
        View<1> out(rows, Dim{extent, 1});
        const Earlier e = earlier();
        View<3> parts(s_.parts, Dim{v_.partial_row, 1}, Dim{v_.tile_rows, v_.partial_row},
                      Dim{parts_, v_.tile_rows * v_.partial_row});
        View<2> before(e.rows, Dim{v_.partial_row, 1}, Dim{e.count, v_.partial_row});
        View<1> before_index(e.index, Dim{v_.tile_rows, 1});
        View<1> offsets(s_.offsets, Dim{v_.tile_rows, 1});
        View<1> log_sum_exp(s_.log_sum_exp, Dim{v_.tile_rows, 1});
        v_.merge(&parts, &before, &before_index, e.any, parts_, tile_.rows, &offsets, extent, &out,
                 &log_sum_exp);
        if (!call_.log_sum_exp) return;
        RowCursor row = first_row();
        for (int32_t r = 0; r < tile_.rows; r++, advance(row)) {
            const int64_t at = static_cast<int64_t>(head_.sequence) * plan_.heads + query_head(row);
            call_.log_sum_exp[at * plan_.q_tokens + row.position - layout_.q_start] =
                s_.log_sum_exp[r];
        }
    }

    const Call &call_;
    const lac_plan &plan_;
    const lac_variant &v_;
    const Workspace &workspace_;
    const Scratch &s_;
    const Layout &layout_;
    const Head &head_;
    const TileBlock &block_;
    const RowTile &tile_;
    int32_t parts_ = 0;   // partial results not yet folded
    int32_t spare_ = -1;  // place of the fold so far
};

}  // namespace

void prepare_scratch(const lac_plan &plan, const Scratch &scratch) {
    const lac_variant &v = *plan.variant;
    // Rows that a short tile does not fill are computed and thrown away: they must hold something.
    for (int32_t i = 0; i < v.tile_rows * v.head_dim; i++) scratch.queries[i] = 0.0f;
    for (int32_t r = 0; r < v.tile_rows; r++) scratch.own_rows[r] = r;
    for (int32_t i = 0; i < v.fold_items; i++) scratch.tiles[i] = 0;
    for (int32_t i = 0; i < v.tile_rows * v.partial_row; i++) scratch.parts[i] = 0.0f;
}

void attend_block(const Call &call, const Workspace &workspace, const Scratch &scratch,
                  const Layout &layout, const Head &head, const TileBlock &block) {
    const auto tile = [&](int32_t t) {
        return TileAttention(call, workspace, scratch, layout, head, block,
                             call.plan->tiles[block.first_tile + t]);
    };
    // The tile after the last is most likely this thread's as well.
    const TileBlock &last = call.plan->blocks[layout.first_block + layout.blocks - 1];
    const int32_t tiles = last.first_tile + last.tiles - block.first_tile;
    for (int32_t t = 0; t < block.tiles; t++) {
        if (t + 1 < tiles) tile(t + 1).prefetch_rows(call.q, false);
        tile(t).run();
    }
}

}  // namespace lacuna
