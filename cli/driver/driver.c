/* What `lacuna run|bench --target` builds for another machine: DRIVER IN OUT attends the problem
 * in IN (problem.h), writes output and log-sum-exp of the last call to OUT and prints a line
 * "call …" for each pattern and "sample …" for each time, in nanoseconds. One call of each pattern
 * is marked for what counts. Needs no C library but what driver.h names. */
#include "driver.h"

#include "problem.h"

static void fail(const char *what, const char *why) {
    driver_say("driver: ");
    driver_say(what);
    driver_say(": ");
    driver_say(why);
    driver_say("\n");
    driver_exit(1);
}
static void check(const char *what, lac_status status) {
    if (status != LAC_OK) fail(what, lac_status_message(status));
}
static void *memory_of(size_t bytes) {
    void *memory = driver_memory(bytes);
    if (!memory) fail("memory", "none");
    return memory;
}
static void say_number(int64_t number) {
    char text[24];
    int at = sizeof text - 1;
    const int negative = number < 0;
    text[at] = 0;
    do text[--at] = (char)('0' + (negative ? -(number % 10) : number % 10));
    while (number /= 10);
    if (negative) text[--at] = '-';
    driver_say(" ");
    driver_say(text + at);
}

typedef struct {
    lac_kernel kernel;
    const lac_plan *plan;
    void *workspace;
    size_t workspace_bytes;
} call;

typedef struct {
    const struct lac_driver_problem *head;
    const char *at; /* what follows of the input, and how much */
    size_t left;
    lac_tensor q, k, v, out;
    size_t out_bytes, log_sum_exp_bytes;
    lac_args args;
    int32_t *starts;
} problem;

static lac_tensor tensor(const struct lac_driver_problem *h, lac_type type, int32_t heads,
                         int32_t tokens, int32_t features) {
    const int64_t row = features * (int64_t)lac_type_bytes(type);
    const lac_tensor t = {.size = sizeof t,
                          .type = type,
                          .batch = h->batch,
                          .heads = heads,
                          .tokens = tokens,
                          .features = features,
                          .batch_stride = row * tokens * heads,
                          .head_stride = row * tokens,
                          .token_stride = row};
    return t;
}

/* The next of the input; of fixed8 with so many scales. */
static lac_tensor input(problem *p, int32_t heads, int32_t tokens, int32_t features,
                        int32_t scales) {
    lac_tensor t = tensor(p->head, (lac_type)p->head->type, heads, tokens, features);
    size_t bytes = (size_t)t.batch_stride * (size_t)t.batch;
    t.data = (void *)p->at;
    if (t.type == LAC_I8) {
        bytes = (bytes + 3) / 4 * 4;
        t.scales = (const float *)(p->at + bytes);
        bytes += sizeof(float) * (size_t)scales;
    }
    bytes = (bytes + LAC_DRIVER_ALIGNMENT - 1) / LAC_DRIVER_ALIGNMENT * LAC_DRIVER_ALIGNMENT;
    if (bytes > p->left) fail("tensors", "cut short");
    p->at += bytes;
    p->left -= bytes;
    return t;
}

/* Rows that are never written show as NaN. */
static void *unwritten(size_t bytes) {
    unsigned char *memory = memory_of(bytes);
    for (size_t i = 0; i < bytes; i++) memory[i] = 0xff;
    return memory;
}

static problem read_problem(const char *path) {
    problem p = {.args = {.size = sizeof p.args}};
    size_t bytes = 0;
    const char *file = driver_read(path, &bytes);
    if (!file) fail(path, "cannot read");
    const struct lac_driver_problem *h = p.head = (const struct lac_driver_problem *)file;
    int same = bytes >= sizeof *h;
    for (size_t i = 0; same && i < sizeof h->magic; i++) same = h->magic[i] == LAC_DRIVER_MAGIC[i];
    if (!same || h->patterns < 1 || h->patterns > LAC_DRIVER_PATTERNS) fail(path, "not a problem");
    const size_t head =
        (sizeof *h + LAC_DRIVER_ALIGNMENT - 1) / LAC_DRIVER_ALIGNMENT * LAC_DRIVER_ALIGNMENT;
    p.at = file + head;
    p.left = bytes - head;
    const int32_t units = h->batch * h->heads, kv_units = h->batch * h->kv_heads;
    p.q = input(&p, h->heads, h->q_tokens, h->head_dim, units * h->q_tokens);
    p.k = input(&p, h->kv_heads, h->k_tokens, h->head_dim, kv_units);
    p.v = input(&p, h->kv_heads, h->k_tokens, h->value_dim, kv_units);
    const lac_type out = h->type == LAC_I8 ? LAC_I16 : (lac_type)h->type;
    p.out = tensor(h, out, h->heads, h->q_tokens, h->value_dim);
    p.out_bytes = (size_t)p.out.batch_stride * (size_t)h->batch;
    p.out.data = unwritten(p.out_bytes);
    p.log_sum_exp_bytes = sizeof(float) * (size_t)units * (size_t)h->q_tokens;
    p.args.log_sum_exp = unwritten(p.log_sum_exp_bytes);
    p.args.scale = h->scale;
    p.args.softcap = h->softcap;
    p.starts = memory_of((size_t)h->batch * sizeof(int32_t));
    for (int32_t b = 0; b < h->batch; b++) p.starts[b] = h->q_start;
    if (h->threads > 1) check("threads", driver_threads(h->threads, &p.args));
    return p;
}

/* Plans a pattern and says how. */
static call planned(const problem *p, const char *text) {
    const struct lac_driver_problem *h = p->head;
    lac_pattern pattern;
    if (lac_pattern_parse(text, &pattern, NULL) != LAC_OK) fail(text, "not a pattern");
    const lac_request request = {.size = sizeof request,
                                 .type = (lac_type)h->type,
                                 .pattern = &pattern,
                                 .head_dim = h->head_dim,
                                 .value_dim = h->value_dim};
    const lac_shape shape = {.size = sizeof shape,
                             .batch = h->batch,
                             .heads = h->heads,
                             .kv_heads = h->kv_heads,
                             .q_tokens = h->q_tokens,
                             .k_tokens = h->k_tokens,
                             .q_starts = p->starts};
    call c;
    size_t bytes;
    check("kernel", lac_kernel_find(&lac_kernels, &request, &c.kernel));
    check("plan", lac_plan_bytes(&c.kernel, &pattern, &shape, &bytes));
    void *memory = memory_of(bytes);
    int64_t best = 0;
    for (int i = 0; i < 3; i++) {
        const int64_t start = driver_nanoseconds(0);
        check("plan", lac_plan_init(&c.kernel, &pattern, &shape, memory, bytes, &c.plan));
        const int64_t took = driver_nanoseconds(0) - start;
        if (i == 0 || took < best) best = took;
    }
    c.workspace_bytes = lac_workspace_bytes(c.plan, p->args.threads);
    c.workspace = memory_of(c.workspace_bytes);
    driver_say("call ");
    driver_say(lac_kernel_name(&c.kernel));
    driver_say(" ");
    driver_say(lac_kernel_tier(&c.kernel));
    say_number(lac_plan_attended_pairs(c.plan));
    say_number(lac_plan_crossover(c.plan));
    say_number((int64_t)c.workspace_bytes);
    say_number(best);
    driver_say("\n");
    return c;
}

static void attend(const problem *p, const call *c) {
    check("attention", lac_attention(&c->kernel, c->plan, &p->q, &p->k, &p->v, &p->out, &p->args,
                                     c->workspace, c->workspace_bytes));
}
static void counted(const problem *p, const call *c) {
    driver_count(1);
    attend(p, c);
    driver_count(0);
}
static void timed(const problem *p, const call *c, int index) {
    const int64_t of_program = driver_nanoseconds(1), start = driver_nanoseconds(0);
    attend(p, c);
    const int64_t took = driver_nanoseconds(0) - start;
    driver_say("sample");
    say_number(index);
    say_number(took);
    say_number(driver_nanoseconds(1) - of_program);
    driver_say("\n");
}

static void measure(const problem *p, const call *calls) {
    const struct lac_driver_problem *h = p->head;
    for (int i = 0; i < h->patterns; i++) {
        attend(p, &calls[i]); /* to warm up */
        counted(p, &calls[i]);
    }
    for (int round = 0; driver_nanoseconds(0) >= 0 && round < h->rounds; round++) {
        for (int i = 0; i < h->patterns; i++) {
            const int64_t start = driver_nanoseconds(0);
            do timed(p, &calls[i], i);
            while (driver_nanoseconds(0) - start < h->round_microseconds * (int64_t)1000);
        }
    }
}

int driver_main(int argc, char **argv) {
    if (argc != 3) fail("usage", "DRIVER IN OUT");
    const problem p = read_problem(argv[1]);
    call calls[LAC_DRIVER_PATTERNS];
    for (int i = 0; i < p.head->patterns; i++) calls[i] = planned(&p, p.head->pattern[i]);
    if (p.head->rounds > 0)
        measure(&p, calls);
    else if (driver_nanoseconds(0) < 0)
        counted(&p, &calls[0]);
    else
        timed(&p, &calls[0], 0);
    const void *const parts[] = {p.out.data, p.args.log_sum_exp};
    const size_t bytes[] = {p.out_bytes, p.log_sum_exp_bytes};
    if (!driver_write(argv[2], parts, bytes, 2)) fail(argv[2], "cannot write");
    return 0;
}
