/* Attention over the keys that a pattern keeps, beside dense attention, from a bundle named lac.
 *
 *   attention PATTERN q.npy k.npy v.npy
 *
 * Q is [heads, tokens, features], K and V are [KV heads, tokens, features], all float32. Files
 * that do not exist are made. */
#define _POSIX_C_SOURCE 200112L
#include <lac.h>
#include <math.h>
#include <time.h>

#include "npy.h"

static void fail(const char *what, const char *why) {
    fprintf(stderr, "attention: %s: %s\n", what, why);
    exit(1);
}
static void check(const char *what, lac_status status) {
    if (status != LAC_OK) fail(what, lac_status_message(status));
}
#ifdef _WIN32
#include <malloc.h>
static int posix_memalign(void **memory, size_t alignment, size_t bytes) {
    return (*memory = _aligned_malloc(bytes, alignment)) == NULL;
}
static void release(void *memory) { _aligned_free(memory); }
#else
static void release(void *memory) { free(memory); }
#endif
static void *aligned(size_t bytes) {
    void *memory;
    if (posix_memalign(&memory, LAC_MEMORY_ALIGNMENT, bytes)) fail("memory", "none left");
    return memory;
}
static double milliseconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static npy load(const char *path, int32_t heads, uint32_t seed) {
    npy a;
    const char *why = npy_read_or_make(path, heads, 2048, 64, seed, &a);
    if (why) fail(path, why);
    return a;
}
static lac_tensor tensor(const npy *a) {
    const int64_t row = a->shape[2] * (int64_t)sizeof(float), head = row * a->shape[1];
    const lac_tensor t = {.size = sizeof t,
                          .type = LAC_F32,
                          .data = a->data,
                          .batch = 1,
                          .heads = a->shape[0],
                          .tokens = a->shape[1],
                          .features = a->shape[2],
                          .head_stride = head,
                          .token_stride = row};
    return t;
}

typedef struct {
    lac_kernel kernel;
    const lac_plan *plan;
    size_t workspace_bytes;
    double ms; /* the best of some calls */
} result;

static result attend(const lac_pattern *pattern, const lac_tensor *q, const lac_tensor *k,
                     const lac_tensor *v, const lac_tensor *out) {
    const lac_request request = {.size = sizeof request,
                                 .type = LAC_F32,
                                 .pattern = pattern,
                                 .head_dim = q->features,
                                 .value_dim = v->features};
    const lac_shape shape = {.size = sizeof shape,
                             .batch = 1,
                             .heads = q->heads,
                             .kv_heads = k->heads,
                             .q_tokens = q->tokens,
                             .k_tokens = k->tokens};
    result r = {.ms = 1e30};
    size_t plan_bytes;
    check("kernel", lac_kernel_find(&lac_kernels, &request, &r.kernel));
    check("plan", lac_plan_bytes(&r.kernel, pattern, &shape, &plan_bytes));
    void *plan = aligned(plan_bytes);
    check("plan", lac_plan_init(&r.kernel, pattern, &shape, plan, plan_bytes, &r.plan));
    r.workspace_bytes = lac_workspace_bytes(r.plan, 1);
    void *workspace = aligned(r.workspace_bytes);
    for (int call = 0; call < 10; call++) {
        const double start = milliseconds();
        check("attention",
              lac_attention(&r.kernel, r.plan, q, k, v, out, NULL, workspace, r.workspace_bytes));
        r.ms = fmin(r.ms, milliseconds() - start);
    }
    release(workspace);
    return r; /* with its plan: the program ends soon */
}

/* Normalised squared error of 64 rows against softmax(q·k/sqrt(D))·v in float64. */
static double error(const lac_pattern *pattern, const npy *q, const npy *k, const npy *v,
                    const npy *out) {
    const int32_t heads = q->shape[0], n = q->shape[1], d = q->shape[2];
    const int32_t nk = k->shape[1], dv = v->shape[2];
    const lac_shape shape = {.size = sizeof shape,
                             .batch = 1,
                             .heads = heads,
                             .kv_heads = k->shape[0],
                             .q_tokens = n,
                             .k_tokens = nk};
    double wrong = 0, size = 0, *sum = aligned((size_t)dv * sizeof(double));
    for (int32_t sample = 0; sample < 64; sample++) {
        const int32_t h = sample % heads, i = (int32_t)((int64_t)sample * (n - 1) / 63);
        const int32_t kv = h / (heads / k->shape[0]), position = nk - n + i;
        double weights = 0;
        for (int32_t f = 0; f < dv; f++) sum[f] = 0;
        for (int32_t j = 0; j < nk; j++) {
            if (!lac_pattern_attends(pattern, &shape, 0, h, position, j)) continue;
            double score = 0; /* no maximum is taken off: exp(score) overflows above 709 */
            for (int32_t f = 0; f < d; f++)
                score += (double)q->data[((int64_t)h * n + i) * d + f] *
                         k->data[((int64_t)kv * nk + j) * d + f];
            const double weight = exp(score / sqrt(d));
            weights += weight;
            for (int32_t f = 0; f < dv; f++)
                sum[f] += weight * v->data[((int64_t)kv * nk + j) * dv + f];
        }
        for (int32_t f = 0; f < dv; f++) {
            const double right = weights > 0 ? sum[f] / weights : 0;
            const double off = out->data[((int64_t)h * n + i) * dv + f] - right;
            wrong += off * off;
            size += right * right;
        }
    }
    release(sum);
    return wrong / size;
}

int main(int argc, char **argv) {
    lac_pattern pattern, dense;
    if (argc != 5) fail("usage", "attention PATTERN q.npy k.npy v.npy");
    if (lac_pattern_parse(argv[1], &pattern, NULL) != LAC_OK) fail(argv[1], "not a pattern");
    check("dense", lac_pattern_parse(pattern.bidi ? "bidi/dense" : "dense", &dense, NULL));
    const npy q = load(argv[2], 8, 1), k = load(argv[3], 2, 2), v = load(argv[4], 2, 3);
    const npy o = npy_made(q.shape[0], q.shape[1], v.shape[2], 0);
    if (!o.data) fail("memory", "none left");
    const lac_tensor qt = tensor(&q), kt = tensor(&k), vt = tensor(&v), ot = tensor(&o);
    const result full = attend(&dense, &qt, &kt, &vt, &ot);
    const double full_error = error(&dense, &q, &k, &v, &o);
    const result kept = attend(&pattern, &qt, &kt, &vt, &ot);
    const double kept_error = error(&pattern, &q, &k, &v, &o);
    printf("kernel     %s, tier %s, one thread\n", kept.kernel.name, lac_kernel_tier(&kept.kernel));
    printf("shape      %d heads, %d KV heads, %d tokens, head size %d\n", (int)qt.heads,
           (int)kt.heads, (int)qt.tokens, (int)qt.features);
    printf("           %12s %12s\n", "pattern", "dense");
    printf("pairs      %12.0f %12.0f  over all heads\n", (double)lac_plan_attended_pairs(kept.plan),
           (double)lac_plan_attended_pairs(full.plan));
    printf("error      %12.1e %12.1e  squared, over the float64 oracle's square, on 64 rows\n",
           kept_error, full_error);
    printf("time       %9.2f ms %9.2f ms  %.1f times as fast\n", kept.ms, full.ms,
           full.ms / kept.ms);
    printf("workspace  %8.0f KiB %8.0f KiB\n", (double)kept.workspace_bytes / 1024,
           (double)full.workspace_bytes / 1024);
    return kept_error < 1e-11 && full_error < 1e-11 ? 0 : 1;
}
