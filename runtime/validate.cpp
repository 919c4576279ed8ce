#include "runtime/validate.h"

#include "patterns/parse.h"
#include "runtime/convert.h"
#include "runtime/fixed8.h"
#include "runtime/lists.h"

namespace lacuna {

namespace {

constexpr int64_t kMaxElements = INT32_MAX;  // kernels index with 32 bits

bool is_kernel(const lac_kernel *k) {
    return k && k->size == sizeof(lac_kernel) && k->bundle && k->variant;
}

lac_status validate_lengths(const lac_shape &s) {
    for (int32_t b = 0; b < s.batch; b++) {
        const int64_t q = queries_in(s, b), k = keys_in(s, b);
        const int64_t start = s.q_starts ? s.q_starts[b] : k - q;
        if (q < 0 || q > s.q_tokens || k < 1 || k > s.k_tokens) return LAC_BAD_LENGTH;
        if (start < 0 || start + q > k) return LAC_BAD_LENGTH;
        if (s.tree && (q > kMostDrafted || start + q != k)) return LAC_BAD_LENGTH;
    }
    return LAC_OK;
}

bool is_finite(float x) { return (bits_of(x) & 0x7f800000u) != 0x7f800000u; }

// heads(...) must cover the shape's query heads, or other atoms must hold for all, and it must
// name no others: a spec for another model is an error.
bool names_heads(const lac_pattern &p, int64_t heads) {
    int64_t covered = 0;
    bool for_all = false;
    for (uint32_t i = 0; i < p.atom_count; i++) {
        const lac_atom &a = p.atom[i];
        for_all = for_all || for_all_heads(a);
        if (for_all_heads(a)) continue;
        if (a.end_head > heads) return false;
        if (a.first_head <= covered) covered = larger<int64_t>(covered, a.end_head);
    }
    return for_all || covered == heads;
}

lac_status validate_lists(const lac_pattern &p, const lac_shape &s) {
    if (!reads_lists(p)) return LAC_OK;
    if (!s.lists) return LAC_NO_LISTS;
    if (s.lists->size != sizeof(lac_lists)) return LAC_BAD_ARGUMENT;
    return s.lists->checked == seal_of(p, s, *s.lists) ? LAC_OK : LAC_UNCHECKED_LISTS;
}

int64_t magnitude(int64_t x) { return x < 0 ? -x : x; }

struct Extents {
    int32_t heads, tokens, features;
};

lac_status validate_tensor(const lac_tensor *t, lac_type type, int32_t batch, const Extents &e) {
    if (!t || t->size != sizeof(lac_tensor) || !t->data) return LAC_BAD_ARGUMENT;
    if (t->type != type) return LAC_BAD_TYPE;
    if (t->batch != batch || t->heads != e.heads || t->tokens != e.tokens ||
        t->features != e.features)
        return LAC_BAD_SHAPE;
    const int64_t size = type_bytes(type);
    if (reinterpret_cast<uintptr_t>(t->data) % static_cast<uintptr_t>(size))
        return LAC_BAD_ALIGNMENT;
    if (type == LAC_I8 && !t->scales) return LAC_BAD_ARGUMENT;
    if (type == LAC_I8 && reinterpret_cast<uintptr_t>(t->scales) % sizeof(float))
        return LAC_BAD_ALIGNMENT;
    constexpr int64_t kFarthest = INT64_MAX / 8;  // sums of all three reaches stay below 2^63
    const struct {
        int64_t stride, extent;
    } dims[] = {{t->batch_stride, batch}, {t->head_stride, e.heads}, {t->token_stride, e.tokens}};
    for (const auto &d : dims) {
        if (d.stride % size || d.stride == INT64_MIN) return LAC_BAD_STRIDE;
        if (d.extent > 1 && magnitude(d.stride) > kFarthest / d.extent) return LAC_BAD_STRIDE;
    }
    return LAC_OK;
}

// Do so many steps of a stride leave the elements that kernels can index?
bool reaches_past(const lac_tensor &t, int64_t stride, int64_t steps) {
    return magnitude(stride) > kMaxElements * type_bytes(t.type) / (steps + 1);
}

// Rows are reached from the lowest one, whichever way the strides go.
int64_t either_way(int64_t steps) { return 2 * steps + 1; }

// A pack task reads kPackPanels panels of keys, each through 32-bit offsets.
lac_status validate_key_reach(const lac_plan &plan, const Call &c) {
    int64_t modulus = 1;
    for (int32_t s = 0; s < plan.store_count; s++)
        modulus = larger<int64_t>(modulus, plan.store[s].modulus);
    auto keys = smaller<int64_t>(modulus * plan.variant->panel_keys * kPackPanels, plan.k_tokens);
    // Listed keys are reached from the first one.
    if (lists_keys(plan)) keys = plan.k_tokens;
    const lac_tensor *const tensors[] = {&c.k, &c.v};
    for (const lac_tensor *t : tensors)
        if (reaches_past(*t, t->token_stride, keys)) return LAC_BAD_STRIDE;
    return LAC_OK;
}

// A tile reaches its rows in the same way.
lac_status validate_row_reach(const lac_plan &plan, const Call &c) {
    int64_t stride = 1;
    for (int32_t g = 0; g < plan.group_count; g++)
        stride = larger<int64_t>(stride, plan.group[g].row_stride);
    // Rows of a tile of global tokens lie anywhere.
    const int64_t rows = plan.lists.globals
                             ? plan.q_tokens
                             : smaller<int64_t>(stride * plan.variant->tile_rows, plan.q_tokens);
    const lac_tensor *const tensors[] = {&c.q, &c.out};
    for (const lac_tensor *t : tensors)
        if (reaches_past(*t, t->token_stride, either_way(rows)) ||
            reaches_past(*t, t->head_stride, either_way(plan.group_heads)))
            return LAC_BAD_STRIDE;
    return LAC_OK;
}

struct AddressRange {
    uintptr_t first, end;
};

AddressRange range_of(const lac_tensor &t) {
    int64_t low = 0, high = t.features * type_bytes(t.type);
    const int64_t reach[] = {t.batch_stride * (t.batch - 1), t.head_stride * (t.heads - 1),
                             t.token_stride * (t.tokens - 1)};
    for (const int64_t r : reach) (r < 0 ? low : high) += r;
    const auto base = reinterpret_cast<uintptr_t>(t.data);
    return {base + static_cast<uintptr_t>(low), base + static_cast<uintptr_t>(high)};
}

lac_status read_args(const lac_args *args, const lac_plan &plan, Call *call) {
    lac_args defaults = {};
    defaults.size = sizeof(lac_args);
    const lac_args &a = args ? *args : defaults;
    if (a.size != sizeof(lac_args)) return LAC_BAD_ARGUMENT;
    if (!is_finite(a.scale) || !is_finite(a.softcap) || a.softcap < 0) return LAC_BAD_SCALE;
    const float scale =
        a.scale != 0 ? a.scale : 1.0f / __builtin_sqrtf(static_cast<float>(plan.variant->head_dim));
    if (reinterpret_cast<uintptr_t>(a.log_sum_exp) % sizeof(float)) return LAC_BAD_ALIGNMENT;
    call->query_scale = static_cast<float>(scale * kLog2E);
    call->softcap = static_cast<float>(a.softcap * kLog2E);
    const float *const by_head[] = {a.sink_logits, a.alibi_slopes};
    for (const float *list : by_head) {
        if (reinterpret_cast<uintptr_t>(list) % sizeof(float)) return LAC_BAD_ALIGNMENT;
        for (int32_t h = 0; list && h < plan.heads; h++)
            if (!is_finite(static_cast<float>(list[h] * kLog2E))) return LAC_BAD_SCALE;
    }
    call->sink_logits = a.sink_logits;
    call->alibi_slopes = a.alibi_slopes;
    if (!is_finite(call->query_scale) || !is_finite(call->softcap)) return LAC_BAD_SCALE;
    if (is_fixed8(plan.variant->type) && (a.softcap != 0 || a.sink_logits || a.alibi_slopes))
        return LAC_BAD_ARGUMENT;
    call->log_sum_exp = a.log_sum_exp;
    call->threads = a.threads < 1 ? 1 : a.threads;
    if (a.threads < 0 || a.threads > LAC_MAX_THREADS) return LAC_TOO_MANY_THREADS;
    if (call->threads > 1 && !a.parallel_for) return LAC_BAD_ARGUMENT;
    call->parallel_for = a.parallel_for;
    call->parallel_context = a.parallel_context;
    return LAC_OK;
}

}  // namespace

lac_status validate_shape(const lac_shape &s) {
    if (s.size != sizeof(lac_shape) || s.no_dense_order < 0 || s.no_dense_order > 1)
        return LAC_BAD_ARGUMENT;
    if (s.batch < 1 || s.heads < 1 || s.kv_heads < 1 || s.q_tokens < 1 || s.k_tokens < 1 ||
        s.heads % s.kv_heads)
        return LAC_BAD_SHAPE;
    // Heads of all sequences, and the rows of one KV head, are counted with 32 bits.
    const int64_t heads = s.heads, group_heads = heads / s.kv_heads;
    if (heads * s.batch > kMaxElements || group_heads * s.q_tokens > kMaxElements)
        return LAC_BAD_SHAPE;
    if (s.q_tokens > LAC_MAX_TOKENS || s.k_tokens > LAC_MAX_TOKENS) return LAC_BAD_LENGTH;
    return validate_lengths(s);
}

lac_status validate_shape(const lac_pattern &pattern, const lac_shape &shape) {
    if (!well_formed(pattern)) return LAC_BAD_PATTERN;
    if (const lac_status s = validate_shape(shape); s != LAC_OK) return s;
    return names_heads(pattern, shape.heads) ? LAC_OK : LAC_BAD_HEADS;
}

lac_status validate_plan_shape(const lac_kernel *kernel, const lac_pattern **pattern,
                               const lac_shape &shape) {
    if (!is_kernel(kernel) || shape.size != sizeof(lac_shape)) return LAC_BAD_ARGUMENT;
    const lac_pattern *compiled = kernel->variant->pattern;
    if (!*pattern) *pattern = compiled;
    if (!*pattern) return LAC_BAD_ARGUMENT;
    if (lac_status s = validate_shape(**pattern, shape); s != LAC_OK) return s;
    if (compiled && !same_pattern(*compiled, **pattern)) return LAC_PATTERN_MISMATCH;
    const lac_variant &v = *kernel->variant;
    if (static_cast<int64_t>(shape.heads / shape.kv_heads) * v.partial_row > kMaxElements)
        return LAC_BAD_SHAPE;
    // Panels of K and V are indexed with 32 bits as well.
    const int64_t features = larger(v.head_dim, v.value_planes * v.plane);
    if ((static_cast<int64_t>(shape.k_tokens) + v.panel_keys) * features > kMaxElements)
        return LAC_BAD_LENGTH;
    if (lists_single_keys(**pattern) && !v.gather) return LAC_NO_KERNEL;
    if (shape.tree && compiled) return LAC_NO_KERNEL;
    return LAC_OK;
}

lac_status validate_plan_arguments(const lac_kernel *kernel, const lac_pattern **pattern,
                                   const lac_shape *shape) {
    if (!shape) return LAC_BAD_ARGUMENT;
    if (lac_status s = validate_plan_shape(kernel, pattern, *shape); s != LAC_OK) return s;
    return validate_lists(**pattern, *shape);
}

lac_status validate_appended(const lac_variant &variant, int32_t kv_heads, int64_t farthest_keys,
                             const lac_tensor *k, const lac_tensor *v) {
    if (!k) return LAC_BAD_ARGUMENT;
    const Extents keys{kv_heads, k->tokens, variant.head_dim};
    const Extents values{kv_heads, k->tokens, variant.value_dim};
    if (!v) return LAC_BAD_ARGUMENT;
    // Of the kept type, or of Q's, to be rounded.
    const lac_type key_type = k->type == variant.key_type ? k->type : variant.type;
    const lac_type value_type = v->type == variant.value_type ? v->type : variant.type;
    if (lac_status s = validate_tensor(k, key_type, 1, keys); s != LAC_OK) return s;
    if (lac_status s = validate_tensor(v, value_type, 1, values); s != LAC_OK) return s;
    const lac_tensor *const tensors[] = {k, v};
    for (const lac_tensor *t : tensors)
        if (reaches_past(*t, t->token_stride, farthest_keys)) return LAC_BAD_STRIDE;
    return LAC_OK;
}

lac_status validate_rows(const lac_tensor &t, lac_type type, const lac_tensor &like) {
    if (like.batch < 1 || like.heads < 1 || like.tokens < 1 || like.features < 1)
        return LAC_BAD_SHAPE;
    return validate_tensor(&t, type, like.batch, {like.heads, like.tokens, like.features});
}

bool overlap(const lac_tensor &a, const lac_tensor &b) {
    const AddressRange x = range_of(a), y = range_of(b);
    return x.first < y.end && y.first < x.end;
}

bool overlaps(const lac_tensor &out, const void *memory, size_t bytes) {
    const AddressRange x = range_of(out);
    const auto first = reinterpret_cast<uintptr_t>(memory);
    return x.first < first + bytes && first < x.end;
}

lac_status validate_step(const lac_plan &plan, const lac_tensor *q, const lac_tensor *out,
                         const lac_args *args, Call *call) {
    const lac_variant &variant = *plan.variant;
    const Extents rows{plan.heads, plan.q_tokens, variant.head_dim};
    const Extents outputs{plan.heads, plan.q_tokens, variant.value_dim};
    if (lac_status s = validate_tensor(q, variant.type, plan.batch, rows); s != LAC_OK) return s;
    if (lac_status s = validate_tensor(out, output_type(variant.type), plan.batch, outputs);
        s != LAC_OK)
        return s;
    *call = {};
    call->plan = &plan;
    call->q = *q;
    call->out = *out;
    if (lac_status s = read_args(args, plan, call); s != LAC_OK) return s;
    if (lac_status s = validate_row_reach(plan, *call); s != LAC_OK) return s;
    return overlap(*out, *q) ? LAC_OVERLAP : LAC_OK;
}

lac_status validate_call(const lac_kernel *kernel, const lac_plan *plan, const lac_tensor *q,
                         const lac_tensor *k, const lac_tensor *v, const lac_tensor *out,
                         const lac_args *args, Call *call) {
    if (!is_kernel(kernel) || !plan) return LAC_BAD_ARGUMENT;
    if (plan->variant != kernel->variant) return LAC_PATTERN_MISMATCH;
    const lac_variant &variant = *plan->variant;
    const Extents keys{plan->kv_heads, plan->k_tokens, variant.head_dim};
    const Extents values{plan->kv_heads, plan->k_tokens, variant.value_dim};
    if (lac_status s = validate_tensor(k, variant.key_type, plan->batch, keys); s != LAC_OK)
        return s;
    if (lac_status s = validate_tensor(v, variant.value_type, plan->batch, values); s != LAC_OK)
        return s;
    if (lac_status s = validate_step(*plan, q, out, args, call); s != LAC_OK) return s;
    call->k = *k;
    call->v = *v;
    if (lac_status s = validate_key_reach(*plan, *call); s != LAC_OK) return s;
    return overlap(*out, *k) || overlap(*out, *v) ? LAC_OVERLAP : LAC_OK;
}

lac_status validate_route_tensors(const lac_variant &variant, const lac_shape &shape, int32_t block,
                                  const lac_tensor *q, const lac_tensor *k) {
    const Extents rows{shape.heads, shape.q_tokens, variant.head_dim};
    const Extents keys{shape.kv_heads, shape.k_tokens, variant.head_dim};
    if (lac_status s = validate_tensor(q, variant.type, shape.batch, rows); s != LAC_OK) return s;
    if (lac_status s = validate_tensor(k, variant.key_type, shape.batch, keys); s != LAC_OK)
        return s;
    const auto call_keys = smaller<int64_t>(larger(block, kSummaryKeys), shape.k_tokens);
    if (reaches_past(*k, k->token_stride, call_keys) ||
        reaches_past(*q, q->token_stride, either_way(kRouteTokens)) ||
        reaches_past(*q, q->head_stride, either_way(shape.heads / shape.kv_heads)))
        return LAC_BAD_STRIDE;
    return LAC_OK;
}

}  // namespace lacuna
