/* Sequences in caches, as an app decodes them. */
#include "call.h"

static int32_t smaller(int32_t a, int32_t b) { return a < b ? a : b; }

/* `count` tokens of one sequence. */
static lac_tensor tokens_of(const problem *p, lac_tensor t, int32_t sequence, int32_t first,
                            int32_t count) {
    const int a_head = p->head->type == LAC_I8; /* has one scale */
    t.scale_head_stride = a_head ? 1 : t.tokens;
    if (t.scales) t.scales += sequence * t.heads * t.scale_head_stride + (a_head ? 0 : first);
    t.data = (char *)t.data + sequence * t.batch_stride + first * t.token_stride;
    t.batch = 1;
    t.tokens = count;
    return t;
}

static void append(const problem *p, const call *c, int32_t first, int32_t count) {
    for (int32_t b = 0; b < p->head->batch; b++) {
        const lac_tensor k = tokens_of(p, p->k, b, first, count),
                         v = tokens_of(p, p->v, b, first, count);
        check("append", lac_cache_append(c->caches[b], &k, &v));
    }
}

void make_caches(const problem *p, const lac_pattern *pattern, call *c) {
    const struct lac_driver_problem *h = p->head;
    const lac_cache_options options = {.size = sizeof options,
                                       .heads = h->heads,
                                       .kv_heads = h->kv_heads,
                                       .max_context = h->k_tokens,
                                       .max_append = h->chunk};
    size_t bytes;
    check("cache", lac_cache_bytes(&c->kernel, pattern, &options, &bytes));
    c->caches = memory_of((size_t)h->batch * sizeof *c->caches);
    for (int32_t b = 0; b < h->batch; b++)
        check("cache", lac_cache_init(&c->kernel, pattern, &options, memory_of(bytes), bytes,
                                      &c->caches[b]));
    c->cache_bytes = bytes * (size_t)h->batch;
    c->step.count = h->batch;
    c->step.caches = (const lac_cache *const *)c->caches;
    if (h->steps == LAC_DRIVER_ALL) {
        c->sums = memory_of(sizeof(float) * (size_t)(h->batch * h->heads * h->chunk));
        check("step", lac_step_bytes(&c->kernel, pattern, &options, h->batch, h->chunk,
                                     p->args.threads, &c->workspace_bytes));
        return;
    }
    for (int32_t at = 0; at < h->k_tokens; at += h->chunk)
        append(p, c, at, smaller(h->chunk, h->k_tokens - at));
    check("state", lac_cache_read_state(c->caches[0], &c->state));
    c->step.plan = c->plan;
    c->workspace_bytes = lac_step_plan_bytes(c->plan, p->args.threads);
}

/* The same tokens of all sequences. */
static lac_tensor rows_of(lac_tensor t, int32_t first, int32_t count) {
    t.scale_head_stride = t.tokens;
    t.scale_batch_stride = t.heads * (int64_t)t.tokens;
    if (t.scales) t.scales += first;
    t.data = (char *)t.data + first * t.token_stride;
    t.tokens = count;
    return t;
}

void replay(const problem *p, const call *c) {
    const struct lac_driver_problem *h = p->head;
    lac_args args = p->args;
    args.log_sum_exp = c->sums;
    for (int32_t at = 0; at < h->k_tokens; at += h->chunk) {
        const int32_t count = smaller(h->chunk, h->k_tokens - at);
        append(p, c, at, count);
        const lac_tensor q = rows_of(p->q, at, count), out = rows_of(p->out, at, count);
        check("step", lac_step_attend(&c->step, &q, &out, &args, c->workspace, c->workspace_bytes));
        for (int32_t row = 0; row < h->batch * h->heads * count; row++)
            p->args.log_sum_exp[row / count * h->q_tokens + at + row % count] = c->sums[row];
    }
}
