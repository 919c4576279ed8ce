/* Lacuna as one participant among others: what an app does around lac_attention and a cache's step,
 * behind three kinds of calls that ctypes can make. Everything is made in the open calls; a run is
 * the call alone. A null handle leaves its reason in rival_error(). */
#define _POSIX_C_SOURCE 200112L
#include <lac.h>
#include <lacuna/cache.h>
#include <stdlib.h>
#include <string.h>

typedef struct rival_case {
    const char *pattern;
    int32_t heads, kv_heads, head_dim, tokens;
    int32_t kv_type; /* a lac_type */
    int32_t threads;
    int32_t copies;         /* decode: caches that take turns */
    const int64_t *starts;  /* mask:blocks: rows for all heads, or null */
    const int32_t *indices; /* and what they list */
    int32_t rows;           /* of starts, less one */
    float *q, *k, *v, *out; /* C order, [heads, tokens, head_dim] */
} rival_case;

typedef struct rival {
    lac_pattern pattern;
    lac_kernel kernel;
    lac_shape shape;
    lac_lists lists;
    lac_tensor q, k, v, out;
    lac_args args;
    const lac_plan *plan;
    void *plan_memory, *workspace, *pool_memory;
    size_t workspace_bytes;
    lac_pool *pool;
    lac_cache **caches;
    int32_t copies, next;
} rival;

enum { APPENDED = 64 }; /* tokens of an append: as a ring that has served prefill in chunks */

static const char *failure = "";
const char *rival_error(void) { return failure; }

static int good(lac_status status) {
    if (status != LAC_OK) failure = lac_status_message(status);
    return status == LAC_OK;
}

static void *take(size_t bytes) {
    void *memory = NULL;
    if (posix_memalign(&memory, LAC_MEMORY_ALIGNMENT, bytes ? bytes : 1)) {
        failure = "no memory left";
        return NULL;
    }
    return memory;
}

static lac_tensor tensor(float *data, int32_t heads, int32_t tokens, int32_t features) {
    const int64_t row = features * (int64_t)sizeof(float), head = row * tokens;
    const lac_tensor t = {.size = sizeof t,
                          .type = LAC_F32,
                          .data = data,
                          .batch = 1,
                          .heads = heads,
                          .tokens = tokens,
                          .features = features,
                          .batch_stride = head * heads,
                          .head_stride = head,
                          .token_stride = row};
    return t;
}

void rival_close(rival *r) {
    if (!r) return;
    if (r->pool) lac_pool_destroy(r->pool);
    for (int32_t i = 0; r->caches && i < r->copies; i++) free(r->caches[i]);
    free(r->caches);
    free(r->pool_memory);
    free(r->workspace);
    free(r->plan_memory);
    free(r);
}

static int open_kernel(rival *r, const rival_case *c, int32_t queries) {
    r->q = tensor(c->q, c->heads, queries, c->head_dim);
    r->k = tensor(c->k, c->kv_heads, c->tokens, c->head_dim);
    r->v = tensor(c->v, c->kv_heads, c->tokens, c->head_dim);
    r->out = tensor(c->out, c->heads, queries, c->head_dim);
    if (!good(lac_pattern_parse(c->pattern, &r->pattern, NULL))) return 0;
    const lac_request request = {.size = sizeof request,
                                 .type = LAC_F32,
                                 .head_dim = c->head_dim,
                                 .pattern = &r->pattern,
                                 .key_type = (lac_type)c->kv_type,
                                 .value_type = (lac_type)c->kv_type};
    if (!good(lac_kernel_find(&lac_kernels, &request, &r->kernel))) return 0;
    r->args = (lac_args){.size = sizeof r->args, .threads = c->threads};
    if (c->threads == 1) return 1;
    const size_t bytes = lac_pool_bytes(c->threads);
    if (!(r->pool_memory = take(bytes))) return 0;
    if (!good(lac_pool_create(c->threads, r->pool_memory, bytes, &r->pool))) return 0;
    r->args.parallel_for = lac_pool_run;
    r->args.parallel_context = r->pool;
    return 1;
}

static int open_plan(rival *r, const rival_case *c) {
    r->shape = (lac_shape){.size = sizeof r->shape,
                           .batch = 1,
                           .heads = c->heads,
                           .kv_heads = c->kv_heads,
                           .q_tokens = c->tokens,
                           .k_tokens = c->tokens};
    if (c->starts) {
        r->lists = (lac_lists){.size = sizeof r->lists,
                               .batch = 1,
                               .heads = 1,
                               .rows = c->rows,
                               .index_count = c->starts[c->rows],
                               .starts = c->starts,
                               .indices = c->indices};
        if (!good(lac_lists_check(&r->pattern, &r->shape, &r->lists, NULL))) return 0;
        r->shape.lists = &r->lists;
    }
    size_t bytes;
    if (!good(lac_plan_bytes(&r->kernel, &r->pattern, &r->shape, &bytes))) return 0;
    if (!(r->plan_memory = take(bytes))) return 0;
    if (!good(lac_plan_init(&r->kernel, &r->pattern, &r->shape, r->plan_memory, bytes, &r->plan)))
        return 0;
    r->workspace_bytes = lac_workspace_bytes(r->plan, c->threads);
    return (r->workspace = take(r->workspace_bytes)) != NULL;
}

static lac_cache *filled_cache(rival *r, const lac_cache_options *options, size_t bytes) {
    lac_cache *cache;
    void *memory = take(bytes);
    if (!memory) return NULL;
    lac_status s = lac_cache_init(&r->kernel, &r->pattern, options, memory, bytes, &cache);
    for (int32_t at = 0; s == LAC_OK && at < r->k.tokens; at += APPENDED) {
        lac_tensor k = r->k, v = r->v;
        k.tokens = v.tokens = r->k.tokens - at < APPENDED ? r->k.tokens - at : APPENDED;
        k.data = (char *)r->k.data + at * r->k.token_stride;
        v.data = (char *)r->v.data + at * r->v.token_stride;
        s = lac_cache_append(cache, &k, &v);
    }
    if (good(s)) return cache;
    free(memory);
    return NULL;
}

/* A cache starts at the memory that was given for it, so that is what rival_close frees. */
static int open_caches(rival *r, const rival_case *c) {
    const lac_cache_options options = {.size = sizeof options,
                                       .heads = c->heads,
                                       .kv_heads = c->kv_heads,
                                       .max_context = c->tokens,
                                       .max_append = APPENDED};
    size_t bytes;
    if (!good(lac_cache_bytes(&r->kernel, &r->pattern, &options, &bytes))) return 0;
    if (!(r->caches = calloc((size_t)c->copies, sizeof *r->caches))) return 0;
    if (!(r->caches[0] = filled_cache(r, &options, bytes))) return 0;
    for (r->copies = 1; r->copies < c->copies; r->copies++) {
        void *memory = take(bytes);
        if (!memory) return 0;
        if (!good(lac_cache_fork(r->caches[0], memory, bytes, &r->caches[r->copies]))) {
            free(memory);
            return 0;
        }
    }
    const lac_status s =
        lac_step_bytes(&r->kernel, &r->pattern, &options, 1, 1, c->threads, &r->workspace_bytes);
    return good(s) && (r->workspace = take(r->workspace_bytes)) != NULL;
}

static rival *opened(const rival_case *c, int32_t queries,
                     int (*rest)(rival *, const rival_case *)) {
    rival *r = calloc(1, sizeof *r);
    if (r && open_kernel(r, c, queries) && rest(r, c)) return r;
    rival_close(r);
    return NULL;
}

/* All tokens at once, stateless. */
rival *rival_prefill(const rival_case *c) { return opened(c, c->tokens, open_plan); }
int rival_attend(rival *r) {
    return lac_attention(&r->kernel, r->plan, &r->q, &r->k, &r->v, &r->out, &r->args, r->workspace,
                         r->workspace_bytes);
}

/* One query over a full cache. A step plans for itself, as the one of a model's first layer. */
rival *rival_decode(const rival_case *c) { return opened(c, 1, open_caches); }
int rival_step(rival *r) {
    const lac_cache *const caches[] = {r->caches[r->next]};
    const lac_step step = {.size = sizeof step, .count = 1, .caches = caches};
    r->next = (r->next + 1) % r->copies;
    return lac_step_attend(&step, &r->q, &r->out, &r->args, r->workspace, r->workspace_bytes);
}

const char *rival_kernel(const rival *r) { return lac_kernel_name(&r->kernel); }
const char *rival_tier(const rival *r) { return lac_kernel_tier(&r->kernel); }
const char *rival_status(int status) { return lac_status_message((lac_status)status); }
