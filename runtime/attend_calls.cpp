// The kernel calls of a tile: views of its scratch, and which path they take.
#include "runtime/panels.h"
#include "runtime/tile_attention.h"

namespace lacuna {

namespace {
// Bits: an unsigned integer as wide as an element. In Inf and NaN all bits of the exponent are set.
template <class Bits>
bool any_set(const uint8_t *x, int32_t count, Bits exponent) {
    uint32_t any = 0;
    for (int32_t i = 0; i < count; i++) {
        Bits bits = 0;
        __builtin_memcpy(&bits, x + i * sizeof bits, sizeof bits);
        any |= static_cast<uint32_t>((bits & exponent) == exponent);
    }
    return any != 0;
}
bool any_nonfinite(const Elements &x, int32_t count) {
    if (x.type == LAC_F16) return any_set<uint16_t>(x.data, count, 0x7c00);
    if (x.type == LAC_BF16) return any_set<uint16_t>(x.data, count, 0x7f80);
    return any_set<uint32_t>(x.data, count, 0x7f800000u);
}
}  // namespace

void TileAttention::partial(const Batch &batch) {
    const SegmentInfo &info = plan_.segment[batch.segment];
    const PackedStore &store = keys_.store[info.store];
    const auto panels = static_cast<int32_t>(store.panels);
    const bool one = tile_.rows == 1 && (v_.partial_words_row || v_.partial_pattern_row);
    const bool few = tile_.rows <= v_.few_rows;
    const auto sized = [&](auto of_all, auto of_few, auto of_one) {
        if (one) return of_one;
        return few ? of_few : of_all;
    };
    const int32_t rows = sized(v_.tile_rows, v_.few_rows, int32_t{1});
    View<3> queries(t_.queries, Dim{v_.head_dim, 1}, Dim{rows, v_.head_dim},
                    Dim{1, v_.tile_rows * v_.head_dim});
    View<3> keys = key_panels(v_, store);
    View<2> key_scales = panel_scales(v_, store.key_scales, 0, panels);
    View<4> values = value_panels(v_, store);
    View<2> value_scales = panel_scales(v_, store.value_scales, 0, panels);
    View<2> slots(s_.panels, Dim{batch.slots, 1}, Dim{batch.items, v_.chunk});
    View<1> tiles(s_.tiles, Dim{batch.items, 1});
    View<2> edges(s_.edges, Dim{batch.edges, 1}, Dim{batch.items, v_.chunk});
    View<3> out(part(parts_), Dim{v_.partial_row, 1}, Dim{rows, v_.partial_row},
                Dim{batch.items, v_.tile_rows * v_.partial_row});
    const bool careful = *t_.nonfinite != 0 || batch.nonfinite;
    const bool unbiased = !call_.alibi_slopes;
    View<1> slopes(t_.slopes, Dim{rows, 1});
    View<2> positions(t_.positions, Dim{rows, 1}, Dim{batch.items, 0});
    View<2> first_keys(s_.first_keys, Dim{batch.slots, 1}, Dim{batch.items, v_.chunk});
    // Lanes past the sequence stay below 2^31 and are masked by their position.
    const int32_t step = smaller(info.modulus, layout_.k_tokens);
    if (v_.pattern) {
        const auto kernel =
            sized(v_.partial_pattern, v_.partial_pattern_few, v_.partial_pattern_row);
        kernel(&queries, &keys, &key_scales, &values, &value_scales, &slots, &tiles, &edges,
               batch.slots, batch.edges, call_.softcap, careful, unbiased, &slopes, &positions,
               &first_keys, step, static_cast<int32_t>(info.owner.atoms), layout_.k_tokens, &out);
    } else {
        View<3> words(s_.words, Dim{rows, 1}, Dim{batch.edges, v_.tile_rows},
                      Dim{batch.items, v_.chunk * v_.tile_rows});
        const auto kernel = sized(v_.partial_words, v_.partial_words_few, v_.partial_words_row);
        kernel(&queries, &keys, &key_scales, &values, &value_scales, &slots, &tiles, &edges,
               batch.slots, batch.edges, call_.softcap, careful, unbiased, &slopes, &positions,
               &first_keys, step, &words, &out);
    }
}

// Does an edge panel hold a value that would spoil rows that do not keep it? Read only where a
// panel is tested and a row keeps it not; lanes past a list's end repeat its last.
bool TileAttention::careful_lists(const Batch &batch) const {
    const auto nonfinite = [&](int64_t token) {
        if (v_.value_type == LAC_I8)
            return any_nonfinite({reinterpret_cast<uint8_t *>(keys_.value_scales + token), LAC_F32},
                                 1);
        return any_nonfinite(keys_.values.from(token * keys_.value_stride), v_.value_dim);
    };
    for (int32_t i = 0; i < batch.items; i++) {
        for (int32_t e = 0; e < batch.edges; e++) {
            const int64_t edge = static_cast<int64_t>(i) * v_.chunk + e;
            uint32_t kept = ~uint32_t{0};  // by every row
            for (int32_t r = 0; r < tile_.rows; r++) kept &= s_.words[edge * v_.tile_rows + r];
            const int32_t slot = s_.edges[edge];
            const int32_t *keys =
                s_.tokens + (static_cast<int64_t>(i) * v_.chunk + slot) * v_.panel_keys;
            for (int32_t k = 0; k < v_.panel_keys; k++) {
                const bool again = k > 0 && keys[k] == keys[k - 1];
                if ((kept >> k & 1) == 0 && !again && nonfinite(keys[k])) return true;
            }
        }
    }
    return false;
}

void TileAttention::gather(const Batch &batch) {
    // By the rows that share a list, not by those of this tile: a cut tile gives the same bits.
    const Group &g = plan_.group[tile_.group];
    const int32_t shared = g.list_tokens * g.row_heads;
    const bool few = shared > 0 && shared <= v_.few_rows;
    const GatherFn kernel = few ? v_.gather_few : v_.gather;
    const int32_t rows = few ? v_.few_rows : v_.tile_rows;
    View<3> queries(t_.queries, Dim{v_.head_dim, 1}, Dim{rows, v_.head_dim},
                    Dim{1, v_.tile_rows * v_.head_dim});
    View<2> keys(keys_.keys, Dim{v_.head_dim, 1}, key_dim());
    View<1> key_scales = row_scales(keys_.key_scales, layout_.k_tokens, 1);
    View<2> values(keys_.values, Dim{v_.value_dim, 1}, value_dim());
    View<1> value_scales = row_scales(keys_.value_scales, layout_.k_tokens, 1);
    View<3> tokens(s_.tokens, Dim{v_.panel_keys, 1}, Dim{batch.slots, v_.panel_keys},
                   Dim{batch.items, v_.chunk * v_.panel_keys});
    View<1> tiles(s_.tiles, Dim{batch.items, 1});
    View<2> edges(s_.edges, Dim{batch.edges, 1}, Dim{batch.items, v_.chunk});
    View<3> words(s_.words, Dim{rows, 1}, Dim{batch.edges, v_.tile_rows},
                  Dim{batch.items, v_.chunk * v_.tile_rows});
    View<3> out(part(parts_), Dim{v_.partial_row, 1}, Dim{rows, v_.partial_row},
                Dim{batch.items, v_.tile_rows * v_.partial_row});
    View<1> slopes(t_.slopes, Dim{rows, 1});
    View<2> positions(t_.positions, Dim{rows, 1}, Dim{batch.items, 0});
    kernel(&queries, &keys, &key_scales, &values, &value_scales, &tokens, &tiles, &edges,
           batch.slots, batch.edges, call_.softcap, careful_lists(batch), !call_.alibi_slopes,
           &slopes, &positions, &words, &out);
}

void TileAttention::pairs(const Batch &batch) {
    View<2> queries(t_.queries, Dim{v_.head_dim, 1}, Dim{v_.tile_rows, v_.head_dim});
    View<2> keys(keys_.keys, Dim{v_.head_dim, 1}, key_dim());
    View<1> key_scales = row_scales(keys_.key_scales, layout_.k_tokens, 1);
    View<2> values(keys_.values, Dim{v_.value_dim, 1}, value_dim());
    View<1> value_scales = row_scales(keys_.value_scales, layout_.k_tokens, 1);
    View<1> starts(s_.pair_starts, Dim{v_.tile_rows + 1, 1});
    View<1> tokens(s_.tokens, Dim{batch.pairs, 1});
    View<2> out(part(parts_), Dim{v_.partial_row, 1}, Dim{tile_.rows, v_.partial_row});
    View<1> slopes(t_.slopes, Dim{v_.tile_rows, 1});
    View<1> positions(t_.positions, Dim{v_.tile_rows, 1});
    v_.pairs(&queries, &keys, &key_scales, &values, &value_scales, &starts, &tokens, batch.pairs,
             call_.softcap, !call_.alibi_slopes, &slopes, &positions, &out);
}

}  // namespace lacuna
