// What a cache keeps follows from the pattern's retention, store by store.
#include "runtime/cache.h"
#include "runtime/carver.h"
#include "runtime/plan_builder.h"
#include "runtime/rope.h"
#include "runtime/validate.h"

namespace lacuna {

namespace {

constexpr int64_t kAll = LAC_MAX_TOKENS;

// What queries to come can see of a store: the last keys and the first.
struct Need {
    int64_t last = 0, first = 0;
};

// Keys of a segment. An atom every:S has a store of its own, of all its keys, unless rows walk the
// keys in order.
Need need_of(const lac_plan &plan, const SegmentInfo &info) {
    Need need;
    bool all = false;
    for (uint32_t a = 0; a < plan.pattern.atom_count; a++) {
        if (!(info.owner.atoms & only(a))) continue;
        const Retention r = retention_of(plan.pattern.atom[a]);
        all = all || r.last == kEverything || r.every > 0;
        need.last = larger<int64_t>(need.last, r.last);
        need.first = larger<int64_t>(need.first, r.first);
    }
    if (all) need = {kAll, 0};
    if (info.owner.atoms != kWhole.atoms || reads_globals(plan.pattern)) return need;
    // Rows in order of keys end at the crossover, and no later one reads what they do.
    if (need.first > 0 || need.last >= plan.crossover) return {0, plan.crossover};
    return {need.last, 0};
}

CacheStore store_of(const lac_plan &plan, int32_t store, const lac_cache_options &o) {
    Need need;
    for (int32_t s = 0; s < plan.segment_count; s++) {
        if (plan.segment[s].store != store) continue;
        const Need n = need_of(plan, plan.segment[s]);
        need.last = larger(need.last, n.last);
        need.first = larger(need.first, n.first);
    }
    const Store &of = plan.store[store];
    const int64_t m = of.modulus, keys = plan.variant->panel_keys;
    const int64_t class_all = ceil_div(o.max_context, m), all = ceil_div(class_all, keys);
    // The oldest of max_append queries sees the last keys up to itself, also after a roll-back.
    const int64_t span = need.last > 0 ? need.last - 1 + o.max_append + o.max_rollback : 0;
    const int64_t ring_keys = smaller(ceil_div(span, m), class_all);
    const int64_t first_keys = smaller(ceil_div(need.first, m), class_all);
    const int64_t fixed = ceil_div(first_keys, keys), ring = ceil_div(ring_keys, keys);
    CacheStore result{};
    result.modulus = of.modulus;
    result.residues = smaller(of.residues, o.max_context);
    result.forgets = fixed + ring < all;
    result.fixed = static_cast<int32_t>(result.forgets ? fixed : all);
    result.per_residue = static_cast<int32_t>(result.forgets ? fixed + ring : all);
    result.last = static_cast<int32_t>(smaller(need.last, kAll));
    result.slots =
        static_cast<int32_t>(smaller(ring_keys + first_keys, class_all) * result.residues);
    return result;
}

lac_status validate_options(const lac_cache_options &o) {
    if (o.size != sizeof(lac_cache_options)) return LAC_BAD_ARGUMENT;
    if (o.max_context < 1 || o.max_context > LAC_MAX_TOKENS) return LAC_BAD_LENGTH;
    if (o.max_append < 0 || o.max_append > o.max_context) return LAC_BAD_LENGTH;
    if (reinterpret_cast<uintptr_t>(o.key_factors) % sizeof(float)) return LAC_BAD_ALIGNMENT;
    if (o.max_rollback < 0 || o.max_rollback > o.max_context) return LAC_BAD_LENGTH;
    return LAC_OK;
}

// Factors and their inverses are normal numbers above 0.
lac_status validate_factors(const lac_cache_options &o, const lac_variant &v) {
    if (!o.key_factors) return LAC_OK;
    if (v.key_type != LAC_I8 || is_fixed8(v.type)) return LAC_BAD_TYPE;
    constexpr float kLeast = 0x1p-126f;
    for (int64_t i = 0; i < int64_t{o.kv_heads} * v.head_dim; i++)
        if (!(o.key_factors[i] >= kLeast && o.key_factors[i] <= 1 / kLeast)) return LAC_BAD_SCALE;
    return LAC_OK;
}

lac_status validate_turning(const lac_cache_options &o, const lac_variant &v) {
    if (!o.rope) return LAC_OK;
    if (is_fixed8(v.type)) return LAC_BAD_TYPE;
    if (const lac_status s = validate_rope(*o.rope, v.head_dim); s != LAC_OK) return s;
    return o.rope->positions < o.max_context ? LAC_BAD_LENGTH : LAC_OK;
}

// What follows the struct: the KV heads, and the staging panel.
uint8_t *memory_of(const lac_cache &cache) {
    return reinterpret_cast<uint8_t *>(const_cast<lac_cache *>(&cache)) +
           aligned(sizeof(lac_cache));
}

HeadKeys carve_head(Carver &c, const lac_cache &cache) {
    const lac_variant &v = cache.variant();
    HeadKeys keys{};
    for (int32_t s = 0; s < cache.store_count; s++)
        keys.store[s] = cache.store[s].at(carve_store(c, v, cache.store[s].room()));
    const int64_t rows = cache.rows ? cache.options.max_context : 0;
    keys.keys = take_elements(c, v.key_type, rows * v.head_dim);
    keys.values = take_elements(c, v.value_type, rows * v.value_dim);
    const int64_t scales = is_fixed8(v.type) ? 1 : rows;
    keys.key_scales = take_scales(c, v.key_type, scales);
    keys.value_scales = take_scales(c, v.value_type, scales);
    if (!is_fixed8(v.type)) {
        keys.query_factors = take_scales(c, v.key_type, v.head_dim);
        keys.inverse_factors = take_scales(c, v.key_type, v.head_dim);
    }
    keys.key_stride = v.head_dim;
    keys.value_stride = v.value_dim;
    return keys;
}

uint8_t *take_turned(Carver &c, const lac_variant &v) {
    const int64_t widest = larger(type_bytes(v.type), type_bytes(v.key_type));  // K has either
    return c.take<uint8_t>(int64_t{v.panel_keys} * v.head_dim * widest);
}

Carver after_heads(const lac_cache &cache) {
    return Carver(memory_of(cache) +
                  cache.head_bytes * static_cast<size_t>(cache.options.kv_heads));
}

}  // namespace

lac_shape shape_of(const lac_cache_options &o, int32_t q_tokens) {
    return {sizeof(lac_shape), 1,       o.heads, o.kv_heads, q_tokens, o.max_context,
            nullptr,           nullptr, nullptr, nullptr,    nullptr,  o.no_dense_order};
}

lac_status describe_cache(const lac_kernel *kernel, const lac_pattern *pattern,
                          const lac_cache_options *options, lac_cache *cache) {
    if (!options) return LAC_BAD_ARGUMENT;
    if (const lac_status s = validate_options(*options); s != LAC_OK) return s;
    const lac_lists no_lists{sizeof(lac_lists), 0,       nullptr, nullptr, 1, 1, 0, 0, 0,
                             nullptr,           nullptr, nullptr, 0};
    lac_shape shape = shape_of(*options, 1);
    shape.lists = &no_lists;
    if (const lac_status s = validate_plan_shape(kernel, &pattern, shape); s != LAC_OK) return s;
    if (const lac_status s = validate_factors(*options, *kernel->variant); s != LAC_OK) return s;
    if (const lac_status s = validate_turning(*options, *kernel->variant); s != LAC_OK) return s;
    lac_plan plan;
    describe(plan, *kernel, *pattern, shape);
    *cache = {};
    cache->kernel = *kernel;
    cache->pattern = *pattern;
    cache->options = *options;
    if (options->rope) cache->rope = *options->rope;
    cache->options.max_append = larger(options->max_append, 1);
    cache->store_count = plan.store_count;
    cache->rows = lists_keys(plan);
    for (int32_t s = 0; s < plan.store_count; s++)
        cache->store[s] = store_of(plan, s, cache->options);
    for (int32_t s = 0; s < plan.store_count; s++)
        if (!panels_fit(cache->variant(), cache->store[s].room())) return LAC_BAD_LENGTH;
    Carver head(nullptr), all(nullptr);
    carve_head(head, *cache);
    cache->head_bytes = head.used();
    carve_store(all, cache->variant(), 1);
    if (options->rope) take_turned(all, cache->variant());
    cache->bytes = aligned(sizeof(lac_cache)) + all.used() +
                   cache->head_bytes * static_cast<size_t>(options->kv_heads);
    return LAC_OK;
}

PackedStore staging(const lac_cache &cache) {
    Carver c = after_heads(cache);
    return carve_store(c, cache.variant(), 1);
}

uint8_t *turned_rows(const lac_cache &cache) {
    Carver c = after_heads(cache);
    carve_store(c, cache.variant(), 1);
    return take_turned(c, cache.variant());
}

HeadKeys head_keys(const lac_cache &cache, int32_t kv_head) {
    Carver c(memory_of(cache) + cache.head_bytes * static_cast<size_t>(kv_head));
    return carve_head(c, cache);
}

int32_t shortest_length(const lac_cache &cache) {
    int64_t shortest = 0;
    for (int32_t s = 0; s < cache.store_count; s++) {
        const CacheStore &store = cache.store[s];
        const int64_t keys = cache.variant().panel_keys;
        const int64_t held = static_cast<int64_t>(store.per_residue) * keys * store.modulus;
        if (!store.forgets || store.last == 0 || cache.high <= held) continue;
        // A query at position t sees keys from t - last + 1 on, and the ring those from
        // high - reach on.
        shortest = larger(shortest, cache.high - store.reach(cache.variant()) + store.last - 1);
    }
    return static_cast<int32_t>(shortest);
}

}  // namespace lacuna
