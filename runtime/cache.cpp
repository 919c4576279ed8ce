// lac_cache_*: making, trimming and asking.
#include "runtime/cache.h"

#include "runtime/validate.h"

namespace lacuna {
namespace {

int32_t kept_keys(const lac_cache &cache) {
    int32_t kept = 0;
    for (int32_t k = 0; k < cache.tokens; k++) kept += retained(cache.pattern, k, cache.tokens - 1);
    return kept;
}

// Of the caller's list, which is not kept; ones where there is none.
void set_factors(const lac_cache &cache, const float *factors) {
    const int32_t dim = cache.variant().head_dim;
    for (int32_t h = 0; h < cache.options.kv_heads; h++) {
        const HeadKeys head = head_keys(cache, h);
        for (int32_t d = 0; head.query_factors && d < dim; d++) {
            const float factor = factors ? factors[h * dim + d] : 1.0f;
            head.query_factors[d] = factor;
            head.inverse_factors[d] = 1.0f / factor;
        }
    }
}

lac_tensor tensor_of(const lac_cache &cache, const Elements &first, int32_t features) {
    const int64_t token = features * type_bytes(first.type);
    return {sizeof(lac_tensor),
            first.type,
            first.data,
            1,
            cache.options.kv_heads,
            cache.tokens,
            features,
            0,
            static_cast<int64_t>(cache.head_bytes),
            token,
            nullptr,
            0,
            0};
}

}  // namespace
}  // namespace lacuna

using namespace lacuna;

extern "C" {

lac_status lac_cache_bytes(const lac_kernel *kernel, const lac_pattern *pattern,
                           const lac_cache_options *options, size_t *bytes) {
    if (!bytes) return LAC_BAD_ARGUMENT;
    lac_cache cache;
    if (lac_status s = describe_cache(kernel, pattern, options, &cache); s != LAC_OK) return s;
    *bytes = cache.bytes;
    return LAC_OK;
}

lac_status lac_cache_init(const lac_kernel *kernel, const lac_pattern *pattern,
                          const lac_cache_options *options, void *memory, size_t bytes,
                          lac_cache **out) {
    if (!memory || !out) return LAC_BAD_ARGUMENT;
    if (reinterpret_cast<uintptr_t>(memory) % LAC_MEMORY_ALIGNMENT) return LAC_BAD_ALIGNMENT;
    lac_cache cache;
    if (lac_status s = describe_cache(kernel, pattern, options, &cache); s != LAC_OK) return s;
    if (bytes < cache.bytes) return LAC_TOO_SMALL;
    *out = static_cast<lac_cache *>(memory);
    **out = cache;
    (*out)->options.key_factors = nullptr;
    (*out)->options.rope = nullptr;  // copied
    set_factors(**out, options->key_factors);
    return LAC_OK;
}

lac_status lac_cache_trim(lac_cache *cache, int32_t tokens) {
    if (!cache) return LAC_BAD_ARGUMENT;
    if (tokens < 0 || tokens > cache->tokens) return LAC_BAD_LENGTH;
    if (tokens > 0 && tokens < shortest_length(*cache)) return LAC_FORGOTTEN;
    cache->tokens = tokens;
    if (tokens == 0) cache->high = 0;
    return LAC_OK;
}

lac_status lac_cache_read_state(const lac_cache *cache, lac_cache_state *state) {
    if (!cache || !state || state->size != sizeof(lac_cache_state)) return LAC_BAD_ARGUMENT;
    *state = {
        sizeof(lac_cache_state), cache->tokens, shortest_length(*cache), kept_keys(*cache), 0, 0};
    for (int32_t s = 0; s < cache->store_count; s++) {
        state->slots += cache->store[s].slots;
        state->padded_slots +=
            static_cast<int32_t>(cache->store[s].panels()) * cache->variant().panel_keys;
    }
    if (cache->rows) {
        state->slots += cache->options.max_context;
        state->padded_slots += cache->options.max_context;
    }
    return LAC_OK;
}

lac_status lac_cache_rows(const lac_cache *cache, lac_tensor *k, lac_tensor *v) {
    if (!cache || !k || !v) return LAC_BAD_ARGUMENT;
    if (!cache->rows) return LAC_NO_LISTS;
    if (cache->tokens < 1) return LAC_BAD_LENGTH;
    const lac_variant &variant = cache->variant();
    if (variant.key_type == LAC_I8 || variant.value_type == LAC_I8) return LAC_BAD_TYPE;
    const HeadKeys head = head_keys(*cache, 0);
    *k = tensor_of(*cache, head.keys, variant.head_dim);
    *v = tensor_of(*cache, head.values, variant.value_dim);
    return LAC_OK;
}

}  // extern "C"
