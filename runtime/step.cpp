// lac_step_*: the last queries of a batch of caches. The step is planned as any call is, and its
// tiles find their keys in the caches.
#include "patterns/parse.h"
#include "runtime/attend.h"
#include "runtime/cache.h"
#include "runtime/carver.h"
#include "runtime/plan_builder.h"

namespace lacuna {

namespace {

bool is_step(const lac_step *step) {
    if (!step || step->size != sizeof(lac_step) || step->count < 1 || !step->caches) return false;
    for (int32_t b = 0; b < step->count; b++)
        if (!step->caches[b]) return false;
    return true;
}

bool same_lists(const lac_plan &plan, const lac_step &step) {
    return !reads_lists(plan.pattern) || (step.lists && step.lists->checked == plan.lists.checked);
}

// Queries that stand where all their keys are.
lac_status validate_queries(const lac_cache &cache, int32_t queries) {
    if (queries < 0 || queries > cache.tokens || cache.tokens < 1) return LAC_BAD_LENGTH;
    if (!is_incremental(cache.pattern) && queries != cache.tokens) return LAC_NOT_INCREMENTAL;
    return cache.tokens - queries < shortest_length(cache) ? LAC_FORGOTTEN : LAC_OK;
}

bool same_rope(const lac_rope &a, const lac_rope &b) {
    return a.size == b.size && a.rotary_dim == b.rotary_dim && a.interleaved == b.interleaved &&
           a.cosines == b.cosines && a.sines == b.sines;
}

lac_status validate_caches(const lac_step &step, int32_t q_tokens) {
    const lac_cache &first = *step.caches[0];
    for (int32_t b = 0; b < step.count; b++) {
        const lac_cache &c = *step.caches[b];
        if (c.kernel.variant != first.kernel.variant || c.options.heads != first.options.heads ||
            c.options.kv_heads != first.options.kv_heads ||
            c.options.no_dense_order != first.options.no_dense_order ||
            !same_pattern(c.pattern, first.pattern) || !same_rope(c.rope, first.rope))
            return LAC_CACHE_MISMATCH;
        const int32_t queries = length_of(step.q_lengths, b, q_tokens);
        if (lac_status s = validate_queries(c, queries); s != LAC_OK) return s;
    }
    return LAC_OK;
}

// Was the plan made for this step?
bool fits(const lac_plan &plan, const lac_step &step, int32_t q_tokens) {
    const lac_cache &first = *step.caches[0];
    if (plan.variant != first.kernel.variant || plan.batch != step.count ||
        plan.heads != first.options.heads || plan.kv_heads != first.options.kv_heads ||
        plan.q_tokens != q_tokens || !same_pattern(plan.pattern, first.pattern) ||
        plan.tree != step.tree || plan.no_dense_order != first.options.no_dense_order ||
        !same_lists(plan, step))
        return false;
    for (int32_t b = 0; b < step.count; b++) {
        const Layout &layout = plan.layouts[plan.units[int64_t{b} * plan.kv_heads].layout];
        const int32_t tokens = step.caches[b]->tokens;
        const int32_t queries = length_of(step.q_lengths, b, q_tokens);
        if (layout.k_tokens != tokens || layout.q_tokens != queries ||
            layout.q_start != tokens - queries)
            return false;
    }
    return true;
}

lac_status validate_plan(const lac_plan &plan, const lac_step &step, int32_t q_tokens) {
    if (lac_status s = validate_caches(step, q_tokens); s != LAC_OK) return s;
    return fits(plan, step, q_tokens) ? LAC_OK : LAC_CACHE_MISMATCH;
}

// A plan of the step's own, after the lengths of its caches, in the workspace; *used of its bytes.
lac_status plan_step(const lac_step &step, int32_t q_tokens, void *memory, size_t bytes,
                     const lac_plan **plan, size_t *used) {
    Carver c(memory);
    auto *lengths = c.take<int32_t>(step.count);
    if (bytes < c.used()) return LAC_TOO_SMALL;
    lac_shape shape;
    if (lac_status s = lac_step_shape(&step, q_tokens, lengths, &shape); s != LAC_OK) return s;
    const lac_cache &first = *step.caches[0];
    size_t plan_bytes = 0;
    lac_status s =
        make_plan(&first.kernel, &first.pattern, &shape, static_cast<uint8_t *>(memory) + c.used(),
                  bytes - c.used(), plan, &plan_bytes);
    *used = c.used() + plan_bytes;
    return s;
}

}  // namespace
}  // namespace lacuna

using namespace lacuna;

extern "C" {

lac_status lac_step_shape(const lac_step *step, int32_t q_tokens, int32_t *k_lengths,
                          lac_shape *shape) {
    if (!is_step(step) || !k_lengths || !shape) return LAC_BAD_ARGUMENT;
    if (lac_status s = validate_caches(*step, q_tokens); s != LAC_OK) return s;
    const lac_cache_options &o = step->caches[0]->options;
    int32_t longest = 0;
    for (int32_t b = 0; b < step->count; b++) {
        k_lengths[b] = step->caches[b]->tokens;
        longest = larger(longest, k_lengths[b]);
    }
    *shape = {sizeof(lac_shape), step->count, o.heads, o.kv_heads,  q_tokens,   longest,
              step->q_lengths,   k_lengths,   nullptr, step->lists, step->tree, o.no_dense_order};
    return LAC_OK;
}

lac_status lac_step_attend(const lac_step *step, const lac_tensor *q, const lac_tensor *out,
                           const lac_args *args, void *workspace, size_t bytes) {
    if (!is_step(step) || !q || !workspace) return LAC_BAD_ARGUMENT;
    if (reinterpret_cast<uintptr_t>(workspace) % LAC_MEMORY_ALIGNMENT) return LAC_BAD_ALIGNMENT;
    const lac_plan *plan = step->plan;
    size_t used = 0;
    if (lac_status s = plan ? validate_plan(*plan, *step, q->tokens)
                            : plan_step(*step, q->tokens, workspace, bytes, &plan, &used);
        s != LAC_OK)
        return s;
    Call call;
    if (lac_status s = validate_step(*plan, q, out, args, &call); s != LAC_OK) return s;
    for (int32_t b = 0; b < step->count; b++)
        if (overlaps(*out, step->caches[b], step->caches[b]->bytes)) return LAC_OVERLAP;
    call.caches = step->caches;
    const lac_rope &rope = step->caches[0]->rope;
    if (rope.size != 0 && step->tree) return LAC_BAD_ARGUMENT;
    if (rope.size != 0) call.rope = &rope;
    const Workspace ws(*plan, call.threads, false, static_cast<uint8_t *>(workspace) + used);
    if (bytes - used < ws.bytes()) return LAC_TOO_SMALL;
    attend_step(call, ws);
    return LAC_OK;
}

}  // extern "C"
