// Appending: keys and values go straight into their panels, or, where a panel is not whole, through
// a staging panel to their lanes.
#include "runtime/cache.h"
#include "runtime/tensor.h"
#include "runtime/validate.h"

namespace lacuna {

namespace {

template <class Word>
void copy_words(const Elements &to, const Elements &from, int64_t count, int64_t from_step) {
    auto *const out = reinterpret_cast<Word *>(to.data);
    const auto *const in = reinterpret_cast<const Word *>(from.data);
    for (int64_t i = 0; i < count; i++) out[i] = in[i * from_step];
}
void copy(const Elements &to, const Elements &from, int64_t count, int64_t from_step = 1) {
    if (type_bytes(to.type) == sizeof(uint32_t))
        copy_words<uint32_t>(to, from, count, from_step);
    else
        copy_words<uint16_t>(to, from, count, from_step);
}

// Keys of one residue class that share a panel.
struct Lanes {
    int32_t place;         // of the panel
    int32_t first, count;  // lanes
    bool whole;            // nothing that was in the panel before is of use
    bool opened;           // the ring takes the panel for its next turn
};

class Appender {
public:
    Appender(const lac_cache &cache, const lac_tensor &k, const lac_tensor &v)
        : cache_(cache), variant_(cache.variant()), k_(k), v_(v), staging_(staging(cache)) {}

    void append(int32_t kv_head) const {
        const HeadKeys head = head_keys(cache_, kv_head);
        for (int32_t s = 0; s < cache_.store_count; s++)
            for (int32_t r = 0; r < cache_.store[s].residues; r++)
                append_class(cache_.store[s], head.store[s], kv_head, r);
        if (cache_.rows) append_rows(head, kv_head);
    }

private:
    void append_class(const CacheStore &info, const PackedStore &store, int32_t kv_head,
                      int32_t residue) const {
        const int32_t keys = variant_.panel_keys;
        const int64_t end = class_keys(info, residue, cache_.tokens + k_.tokens);
        for (int64_t i = class_keys(info, residue, cache_.tokens); i < end;) {
            const auto panel = static_cast<int32_t>(i / keys);
            const auto lane = static_cast<int32_t>(i % keys);
            const auto count = static_cast<int32_t>(smaller<int64_t>(keys - lane, end - i));
            const int64_t token = residue + i * info.modulus - cache_.tokens;
            i += count;
            if (panel >= store.per_residue && store.per_residue == store.fixed) continue;
            const bool whole = count == keys || (lane == 0 && panel < store.per_residue);
            // Not when a trim took tokens back: then this turn has begun before.
            const bool opened = lane == 0 && cache_.tokens + token >= cache_.high;
            const Lanes lanes{store.place(residue, panel), lane, count, whole, opened};
            append_keys(store, lanes, row(k_, kv_head, token), stride(k_, info, count));
            append_values(store, lanes, row(v_, kv_head, token), stride(v_, info, count));
        }
    }

    static Elements row(const lac_tensor &t, int32_t kv_head, int64_t token) {
        return elements_at(t, 0, kv_head, token);
    }
    static int32_t stride(const lac_tensor &t, const CacheStore &info, int32_t count) {
        return count > 1 ? elements_in(info.modulus * t.token_stride, t.type) : 0;
    }

    // A panel that a ring takes again still holds keys of its last turn: their flag outlives it by
    // one turn.
    static void add_flag(uint8_t &flag, uint8_t staged, bool opened) {
        constexpr uint8_t kNow = 1, kBefore = 2;
        const auto before = static_cast<uint8_t>(opened ? (flag & kNow) * kBefore : flag);
        flag = static_cast<uint8_t>(before | staged);
    }

    // Packs so many keys into a panel; of another type than the cache's they are rounded.
    void pack_keys(const PackedStore &to, int32_t place, const Elements &rows, int32_t count,
                   int32_t stride) const {
        const int32_t keys = variant_.panel_keys, dim = variant_.head_dim, size = keys * dim;
        View<2> from(rows, Dim{dim, 1}, Dim{count, stride});
        View<3> packed(to.keys.from(int64_t{place} * size), Dim{keys, 1}, Dim{dim, keys},
                       Dim{1, size});
        View<1> flag(to.keys_nonfinite + place, Dim{1, 1});
        (rows.type == variant_.key_type ? variant_.pack_keys : variant_.append_keys)(
            &from, count, &packed, &flag);
    }
    void pack_values(const PackedStore &to, int32_t place, const Elements &rows, int32_t count,
                     int32_t stride) const {
        const int32_t keys = variant_.panel_keys, plane = variant_.plane, size = keys * plane;
        View<2> from(rows, Dim{variant_.value_dim, 1}, Dim{count, stride});
        View<4> packed(to.values.from(int64_t{place} * size), Dim{plane, 1}, Dim{keys, plane},
                       Dim{1, size},
                       Dim{variant_.value_planes, static_cast<int32_t>(to.panels * size)});
        View<1> flag(to.values_nonfinite + place, Dim{1, 1});
        (rows.type == variant_.value_type ? variant_.pack_values : variant_.append_values)(
            &from, count, &packed, &flag);
    }

    void append_keys(const PackedStore &store, const Lanes &lanes, const Elements &rows,
                     int32_t stride) const {
        pack_keys(lanes.whole ? store : staging_, lanes.whole ? lanes.place : 0, rows, lanes.count,
                  stride);
        if (lanes.whole) return;
        const int64_t keys = variant_.panel_keys, dim = variant_.head_dim;
        const Elements panel = store.keys.from(lanes.place * keys * dim + lanes.first);
        for (int64_t d = 0; d < dim; d++)
            copy(panel.from(d * keys), staging_.keys.from(d * keys), lanes.count);
        add_flag(store.keys_nonfinite[lanes.place], *staging_.keys_nonfinite, lanes.opened);
    }

    void append_values(const PackedStore &store, const Lanes &lanes, const Elements &rows,
                       int32_t stride) const {
        pack_values(lanes.whole ? store : staging_, lanes.whole ? lanes.place : 0, rows,
                    lanes.count, stride);
        if (lanes.whole) return;
        const int64_t plane = variant_.plane, size = plane * variant_.panel_keys;
        for (int64_t p = 0; p < variant_.value_planes; p++)
            copy(store.values.from((p * store.panels + lanes.place) * size + lanes.first * plane),
                 staging_.values.from(p * staging_.panels * size), lanes.count * plane);
        add_flag(store.values_nonfinite[lanes.place], *staging_.values_nonfinite, lanes.opened);
    }

    // As they are, or rounded on the way through the staging panel.
    void append_rows(const HeadKeys &head, int32_t kv_head) const {
        for (int32_t t = 0; t < k_.tokens; t++) {
            const int64_t at = int64_t{cache_.tokens} + t;
            append_key_row(head.keys.from(at * head.key_stride), row(k_, kv_head, t));
            append_value_row(head.values.from(at * head.value_stride), row(v_, kv_head, t));
        }
    }
    void append_key_row(const Elements &to, const Elements &from) const {
        const bool same = from.type == to.type;
        if (!same) pack_keys(staging_, 0, from, 1, 0);
        copy(to, same ? from : staging_.keys, variant_.head_dim, same ? 1 : variant_.panel_keys);
    }
    void append_value_row(const Elements &to, const Elements &from) const {
        if (from.type == to.type) {
            copy(to, from, variant_.value_dim);
            return;
        }
        pack_values(staging_, 0, from, 1, 0);
        const int32_t plane = variant_.plane;
        for (int32_t d = 0; d < variant_.value_dim; d += plane)
            copy(to.from(d),
                 staging_.values.from(int64_t{d} * variant_.panel_keys * staging_.panels),
                 smaller(plane, variant_.value_dim - d));
    }

    const lac_cache &cache_;
    const lac_variant &variant_;
    const lac_tensor &k_, &v_;
    const PackedStore staging_;
};

// Keys that one kernel call reaches: those of a panel.
int64_t farthest_keys(const lac_cache &cache, int32_t tokens) {
    int64_t modulus = 1;
    for (int32_t s = 0; s < cache.store_count; s++)
        modulus = larger<int64_t>(modulus, cache.store[s].modulus);
    return smaller<int64_t>(modulus * cache.variant().panel_keys, tokens);
}

}  // namespace
}  // namespace lacuna

extern "C" lac_status lac_cache_append(lac_cache *cache, const lac_tensor *k, const lac_tensor *v) {
    using namespace lacuna;
    if (!cache || !k || k->size != sizeof(lac_tensor)) return LAC_BAD_ARGUMENT;
    const lac_cache_options &o = cache->options;
    if (k->tokens < 1 || k->tokens > o.max_append) return LAC_BAD_LENGTH;
    const int64_t farthest = farthest_keys(*cache, k->tokens);
    if (lac_status s = validate_appended(cache->variant(), o.kv_heads, farthest, k, v); s != LAC_OK)
        return s;
    if (k->tokens > o.max_context - cache->tokens) return LAC_CACHE_FULL;
    const Appender appender(*cache, *k, *v);
    for (int32_t head = 0; head < o.kv_heads; head++) appender.append(head);
    cache->tokens += k->tokens;
    cache->high = larger(cache->high, cache->tokens);
    return LAC_OK;
}
