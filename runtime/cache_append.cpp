// Appending: keys and values go straight into their panels, or, where a panel is not whole, through
// a staging panel to their lanes.
#include "runtime/cache.h"
#include "runtime/convert.h"
#include "runtime/pack_rows.h"
#include "runtime/rope.h"
#include "runtime/validate.h"

namespace lacuna {

namespace {

template <class Word>
void copy_words(void *to, const void *from, int64_t count, int64_t from_step) {
    auto *const out = static_cast<Word *>(to);
    const auto *const in = static_cast<const Word *>(from);
    for (int64_t i = 0; i < count; i++) out[i] = in[i * from_step];
}
void copy(const Elements &to, const Elements &from, int64_t count, int64_t from_step = 1) {
    switch (type_bytes(to.type)) {
        case 1: copy_words<uint8_t>(to.data, from.data, count, from_step); break;
        case 2: copy_words<uint16_t>(to.data, from.data, count, from_step); break;
        default: copy_words<uint32_t>(to.data, from.data, count, from_step); break;
    }
}
// From the staging panel; null where there are none.
void copy_scales(float *scales, int64_t at, const float *staged, int64_t count) {
    if (scales) copy_words<float>(scales + at, staged, count, 1);
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
                append_class(cache_.store[s], head, s, kv_head, r);
        if (cache_.rows) append_rows(head, kv_head);
    }

private:
    void append_class(const CacheStore &info, const HeadKeys &head, int32_t number, int32_t kv_head,
                      int32_t residue) const {
        const PackedStore &store = head.store[number];
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
            append_keys(store, lanes, key_rows(kv_head, token, count, info.modulus),
                        head.inverse_factors);
            append_values(store, lanes, rows_of(v_, 0, kv_head, token, count, info.modulus));
        }
    }

    // Of a panel at most, turned where the cache does that.
    TokenRows key_rows(int32_t kv_head, int64_t token, int32_t count, int32_t apart) const {
        const TokenRows rows = rows_of(k_, 0, kv_head, token, count, apart);
        if (cache_.rope.size == 0) return rows;
        const int32_t dim = variant_.head_dim;
        const Elements turned{turned_rows(cache_), k_.type};
        for (int64_t i = 0; i < count; i++)
            turn_row(cache_.rope, k_.type, dim, cache_.tokens + token + i * apart,
                     rows.elements.from(i * rows.stride).data, turned.from(i * dim).data);
        return {turned, nullptr, dim, 0, count};
    }

    // A panel that a ring takes again still holds keys of its last turn: their flag outlives it by
    // one turn.
    static void add_flag(uint8_t &flag, uint8_t staged, bool opened) {
        constexpr uint8_t kNow = 1, kBefore = 2;
        const auto before = static_cast<uint8_t>(opened ? (flag & kNow) * kBefore : flag);
        flag = static_cast<uint8_t>(before | staged);
    }

    void append_keys(const PackedStore &store, const Lanes &lanes, const TokenRows &rows,
                     const float *inverse) const {
        if (lanes.whole) {
            pack_keys(variant_, store, lanes.place, 1, rows, inverse);
            return;
        }
        if (is_fixed8(variant_.type)) {
            append_fixed8_keys(store, lanes, rows);
            return;
        }
        pack_keys(variant_, staging_, 0, 1, rows, inverse);
        const int64_t beside = key_group(variant_);
        const int64_t keys = variant_.panel_keys, elements = key_elements(variant_);
        const Elements panel =
            store.keys.from(lanes.place * keys * elements + lanes.first * beside);
        for (int64_t d = 0; d < elements; d += beside)
            copy(panel.from(d * keys), staging_.keys.from(d * keys), lanes.count * beside);
        copy_scales(store.key_scales, lanes.place * keys + lanes.first, staging_.key_scales,
                    lanes.count);
        add_flag(store.keys_nonfinite[lanes.place], *staging_.keys_nonfinite, lanes.opened);
    }

    void append_values(const PackedStore &store, const Lanes &lanes, const TokenRows &rows) const {
        if (lanes.whole) {
            pack_values(variant_, store, lanes.place, 1, rows);
            return;
        }
        if (is_fixed8(variant_.type)) {
            append_fixed8_values(store, lanes, rows);
            return;
        }
        pack_values(variant_, staging_, 0, 1, rows);
        const int32_t keys = variant_.panel_keys, plane = variant_.plane;
        const int64_t size = int64_t{plane} * keys;
        for (int64_t p = 0; p < variant_.value_planes; p++) {
            const Elements to = store.values.from((p * store.panels + lanes.place) * size),
                           from = staging_.values.from(p * staging_.panels * size);
            if (value_group(variant_) == 1)
                copy(to.from(int64_t{lanes.first} * plane), from, int64_t{lanes.count} * plane);
            else
                copy_grouped_values(to.data, lanes.first, from.data, lanes.count);
        }
        copy_scales(store.value_scales, lanes.place * keys + lanes.first, staging_.value_scales,
                    lanes.count);
        add_flag(store.values_nonfinite[lanes.place], *staging_.values_nonfinite, lanes.opened);
    }

    // The first keys of a plane to others.
    void copy_grouped_values(uint8_t *to, int32_t first, const uint8_t *from, int32_t count) const {
        const int32_t group = value_group(variant_), plane = variant_.plane;
        for (int32_t k = 0; k < count; k++) {
            uint8_t *const row = to + grouped_value_at(first + k, group, plane);
            const uint8_t *const staged = from + grouped_value_at(k, group, plane);
            for (ptrdiff_t x = 0; x < plane; x++) row[x * group] = staged[x * group];
        }
    }

    // fixed8 is packed row by row: a few take no panel to go through.
    void append_fixed8_keys(const PackedStore &store, const Lanes &lanes,
                            const TokenRows &rows) const {
        const int32_t keys = variant_.panel_keys;
        const Elements panel =
            store.keys.from(int64_t{lanes.place} * keys * key_elements(variant_));
        for (int32_t k = 0; k < lanes.count; k++)
            pack_fixed8_key(rows.elements.from(int64_t{k} * rows.stride).data, variant_.head_dim,
                            panel.from(fixed8_key_at(lanes.first + k)).data, kFixed8Group * keys);
    }
    void append_fixed8_values(const PackedStore &store, const Lanes &lanes,
                              const TokenRows &rows) const {
        const int32_t plane = variant_.plane;
        const int64_t size = int64_t{variant_.panel_keys} * plane;
        const Elements panel = store.values.from(lanes.place * size);
        for (int32_t k = 0; k < lanes.count; k++)
            pack_fixed8_value(
                rows.elements.from(int64_t{k} * rows.stride).data, variant_.value_dim, plane,
                static_cast<ptrdiff_t>(store.panels * size),
                panel.from(grouped_value_at(lanes.first + k, kFixed8Group, plane)).data);
    }

    // As they are, or rounded on the way through the staging panel.
    void append_rows(const HeadKeys &head, int32_t kv_head) const {
        for (int32_t t = 0; t < k_.tokens; t++) {
            const int64_t at = int64_t{cache_.tokens} + t;
            append_key_row(head, at, key_rows(kv_head, t, 1, 1));
            append_value_row(head, at, rows_of(v_, 0, kv_head, t, 1, 1));
        }
    }
    void append_key_row(const HeadKeys &head, int64_t at, const TokenRows &row) const {
        const Elements to = head.keys.from(at * head.key_stride);
        const bool same = row.elements.type == to.type;
        if (!same) pack_keys(variant_, staging_, 0, 1, row, head.inverse_factors);
        if (to.type == LAC_I8) head.key_scales[at] = same ? *row.scales : *staging_.key_scales;
        const int32_t keys = variant_.panel_keys, dim = variant_.head_dim;
        const int32_t beside = key_group(variant_);
        if (same)
            copy(to, row.elements, dim);
        else if (to.type == LAC_I8)
            for (int32_t d = 0; d < dim; d++)
                to.data[d] = staging_.keys.data[int64_t{d / beside} * beside * keys + d % beside];
        else
            copy(to, staging_.keys, dim, keys);
    }
    void append_value_row(const HeadKeys &head, int64_t at, const TokenRows &row) const {
        const Elements to = head.values.from(at * head.value_stride);
        const bool same = row.elements.type == to.type;
        if (!same) pack_values(variant_, staging_, 0, 1, row);
        if (to.type == LAC_I8) head.value_scales[at] = same ? *row.scales : *staging_.value_scales;
        if (same) {
            copy(to, row.elements, variant_.value_dim);
            return;
        }
        const int32_t plane = variant_.plane, beside = value_group(variant_);
        for (int32_t d = 0; d < variant_.value_dim; d += plane) {
            const Elements from =
                staging_.values.from(int64_t{d} * variant_.panel_keys * staging_.panels);
            copy(to.from(d), from, smaller(plane, variant_.value_dim - d), beside);
        }
    }

    const lac_cache &cache_;
    const lac_variant &variant_;
    const lac_tensor &k_, &v_;
    const PackedStore staging_;
};

// fixed8: the first tokens set the scales of a KV head, and later ones bring the same bits.
bool brings_its_scales(const lac_cache &cache, const lac_tensor &k, const lac_tensor &v) {
    for (int32_t h = 0; cache.tokens > 0 && h < cache.options.kv_heads; h++) {
        const HeadKeys head = head_keys(cache, h);
        if (bits_of(*head_scale_at(k, 0, h)) != bits_of(*head.key_scales) ||
            bits_of(*head_scale_at(v, 0, h)) != bits_of(*head.value_scales))
            return false;
    }
    return true;
}
void keep_scales(const lac_cache &cache, const lac_tensor &k, const lac_tensor &v) {
    for (int32_t h = 0; h < cache.options.kv_heads; h++) {
        const HeadKeys head = head_keys(cache, h);
        *head.key_scales = *head_scale_at(k, 0, h);
        *head.value_scales = *head_scale_at(v, 0, h);
    }
}

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
    if (cache->rope.size != 0 && k->type == LAC_I8) return LAC_BAD_TYPE;
    if (k->tokens > o.max_context - cache->tokens) return LAC_CACHE_FULL;
    if (is_fixed8(cache->variant().type)) {
        if (!brings_its_scales(*cache, *k, *v)) return LAC_BAD_SCALE;
        keep_scales(*cache, *k, *v);
    }
    const Appender appender(*cache, *k, *v);
    for (int32_t head = 0; head < o.kv_heads; head++) appender.append(head);
    cache->tokens += k->tokens;
    cache->high = larger(cache->high, cache->tokens);
    return LAC_OK;
}
