/* What `lacuna run|bench --target` builds for another machine: DRIVER IN OUT attends the problem
 * in IN, writes output and log-sum-exp of its first pattern to OUT and prints a line "call …" for
 * each pattern and "sample …" for each time. One call of each is marked, for a plugin of an
 * emulator that counts (count_plugin.c). cli/remote.cpp writes IN. */
#define _POSIX_C_SOURCE 200112L
#include <lac.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#ifdef __linux__
#include <sys/prctl.h>
#elif defined(_WIN32)
#include <malloc.h>
#endif

static void fail(const char *what, const char *why) {
    printf("driver: %s: %s\n", what, why);
    exit(1);
}
static void check(const char *what, lac_status status) {
    if (status != LAC_OK) fail(what, lac_status_message(status));
}
static void *memory_of(size_t bytes) {
    void *memory = NULL;
#ifdef _WIN32
    memory = _aligned_malloc(bytes ? bytes : 1, LAC_MEMORY_ALIGNMENT);
#else
    if (posix_memalign(&memory, LAC_MEMORY_ALIGNMENT, bytes ? bytes : 1)) memory = NULL;
#endif
    if (!memory) fail("memory", "none");
    return memory;
}
static double milliseconds(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

enum { MOST_CALLS = 2 };
typedef struct {
    lac_kernel kernel;
    const lac_plan *plan;
    void *workspace;
    size_t workspace_bytes;
} call;

typedef struct {
    int batch, heads, kv_heads, q_tokens, k_tokens, head_dim, value_dim, q_start;
    lac_tensor q, k, v, out;
    lac_args args;
    int32_t *starts;
} problem;

static lac_tensor tensor(const problem *p, int heads, int tokens, int features, FILE *file) {
    const size_t count = (size_t)p->batch * (size_t)heads * (size_t)tokens * (size_t)features;
    const int64_t row = features * (int64_t)sizeof(float);
    const lac_tensor t = {.size = sizeof t,
                          .type = LAC_F32,
                          .data = memory_of(count * sizeof(float)),
                          .batch = p->batch,
                          .heads = heads,
                          .tokens = tokens,
                          .features = features,
                          .batch_stride = row * tokens * heads,
                          .head_stride = row * tokens,
                          .token_stride = row};
    if (file && fread(t.data, sizeof(float), count, file) != count) fail("tensors", "cut short");
    /* Rows that are never written show as NaN. */
    for (size_t i = 0; !file && i < count; i++) ((float *)t.data)[i] = NAN;
    return t;
}

/* Plans a pattern and says how. */
static call planned(const problem *p, const char *text) {
    lac_pattern pattern;
    if (lac_pattern_parse(text, &pattern, NULL) != LAC_OK) fail(text, "not a pattern");
    const lac_request request = {.size = sizeof request,
                                 .type = LAC_F32,
                                 .pattern = &pattern,
                                 .head_dim = p->head_dim,
                                 .value_dim = p->value_dim};
    const lac_shape shape = {.size = sizeof shape,
                             .batch = p->batch,
                             .heads = p->heads,
                             .kv_heads = p->kv_heads,
                             .q_tokens = p->q_tokens,
                             .k_tokens = p->k_tokens,
                             .q_starts = p->starts};
    call c;
    size_t bytes;
    check("kernel", lac_kernel_find(&lac_kernels, &request, &c.kernel));
    check("plan", lac_plan_bytes(&c.kernel, &pattern, &shape, &bytes));
    void *memory = memory_of(bytes);
    double best = 0;
    for (int i = 0; i < 3; i++) {
        const double start = milliseconds(CLOCK_MONOTONIC);
        check("plan", lac_plan_init(&c.kernel, &pattern, &shape, memory, bytes, &c.plan));
        const double took = milliseconds(CLOCK_MONOTONIC) - start;
        if (i == 0 || took < best) best = took;
    }
    c.workspace_bytes = lac_workspace_bytes(c.plan, p->args.threads);
    c.workspace = memory_of(c.workspace_bytes);
    printf("call %s %s %lld %d %zu %.3f\n", lac_kernel_name(&c.kernel), lac_kernel_tier(&c.kernel),
           (long long)lac_plan_attended_pairs(c.plan), (int)lac_plan_crossover(c.plan),
           c.workspace_bytes, best * 1e3);
    return c;
}

/* A kernel refuses it. The plugin writes to the same stream. */
static void mark(int counting) {
    fflush(stdout);
#ifdef __linux__
    prctl(0x4c41434e, counting, 0, 0, 0);
#else
    (void)counting;
#endif
}
static void attend(const problem *p, const call *c) {
    check("attention", lac_attention(&c->kernel, c->plan, &p->q, &p->k, &p->v, &p->out, &p->args,
                                     c->workspace, c->workspace_bytes));
}
static void timed(const problem *p, const call *c, int index) {
    const double cpu = milliseconds(CLOCK_PROCESS_CPUTIME_ID);
    const double start = milliseconds(CLOCK_MONOTONIC);
    attend(p, c);
    const double took = milliseconds(CLOCK_MONOTONIC) - start;
    printf("sample %d %.6f %.6f\n", index, took, milliseconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);
}

static void write_result(const problem *p, const char *path) {
    const size_t rows = (size_t)p->batch * (size_t)p->heads * (size_t)p->q_tokens;
    const size_t count = rows * (size_t)p->value_dim;
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(p->out.data, sizeof(float), count, file) != count ||
        fwrite(p->args.log_sum_exp, sizeof(float), rows, file) != rows || fclose(file))
        fail(path, "cannot write");
}

int main(int argc, char **argv) {
    if (argc != 3) fail("usage", "DRIVER IN OUT");
    problem p = {.args = {.size = sizeof p.args}};
    int threads, rounds, count;
    double minimum; /* milliseconds of a pattern in a round */
    FILE *file = fopen(argv[1], "rb");
    if (!file) fail(argv[1], "cannot read");
    if (fscanf(file, "lacuna-driver 1 %d %d %d %d %d %d %d %d %d %f %f %d %lf %d", &p.batch,
               &p.heads, &p.kv_heads, &p.q_tokens, &p.k_tokens, &p.head_dim, &p.value_dim,
               &p.q_start, &threads, &p.args.scale, &p.args.softcap, &rounds, &minimum,
               &count) != 14 ||
        count < 1 || count > MOST_CALLS)
        fail(argv[1], "not a problem");
    char patterns[MOST_CALLS][4096];
    for (int i = 0; i < count; i++)
        if (fscanf(file, " %4095s", patterns[i]) != 1) fail(argv[1], "not a problem");
    if (fgetc(file) != '\n') fail(argv[1], "not a problem");
    p.q = tensor(&p, p.heads, p.q_tokens, p.head_dim, file);
    p.k = tensor(&p, p.kv_heads, p.k_tokens, p.head_dim, file);
    p.v = tensor(&p, p.kv_heads, p.k_tokens, p.value_dim, file);
    p.out = tensor(&p, p.heads, p.q_tokens, p.value_dim, NULL);
    p.args.log_sum_exp = tensor(&p, p.heads, p.q_tokens, 1, NULL).data;
    p.starts = memory_of((size_t)p.batch * sizeof(int32_t));
    for (int b = 0; b < p.batch; b++) p.starts[b] = p.q_start;
    if (threads > 1) {
        lac_pool *pool;
        const size_t bytes = lac_pool_bytes(threads);
        check("threads", lac_pool_create(threads, memory_of(bytes), bytes, &pool));
        p.args.threads = threads;
        p.args.parallel_for = lac_pool_run;
        p.args.parallel_context = pool;
    }
    call calls[MOST_CALLS];
    for (int i = 0; i < count; i++) calls[i] = planned(&p, patterns[i]);
    if (rounds == 0) {
        timed(&p, &calls[0], 0);
        write_result(&p, argv[2]);
        return 0;
    }
    for (int i = 0; i < count; i++) {
        attend(&p, &calls[i]); /* to warm up */
        mark(1);
        attend(&p, &calls[i]);
        mark(0);
    }
    for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < count; i++) {
            const double start = milliseconds(CLOCK_MONOTONIC);
            do timed(&p, &calls[i], i);
            while (milliseconds(CLOCK_MONOTONIC) - start < minimum);
        }
    }
    write_result(&p, argv[2]);
    return 0;
}
