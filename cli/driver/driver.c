/* What `lacuna run|bench|autotune --target` builds for another machine: DRIVER IN OUT attends the
 * problem in IN (problem.h), writes output and log-sum-exp of the last call to OUT and prints a
 * line "call …" for each pattern and "sample …" for each time, in nanoseconds. One call of each
 * pattern is marked for what counts. Needs no C library but what driver.h names. */
#include "call.h"
#ifdef LAC_DRIVER_RIVAL
#include <lac_rival.h>
#endif

void fail(const char *what, const char *why) {
    driver_say("driver: ");
    driver_say(what);
    driver_say(": ");
    driver_say(why);
    driver_say("\n");
    driver_exit(1);
}
void check(const char *what, lac_status status) {
    if (status != LAC_OK) fail(what, lac_status_message(status));
}
void *memory_of(size_t bytes) {
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

/* The next of the input. */
static const void *taken(problem *p, size_t bytes) {
    const void *const at = p->at;
    bytes = (bytes + LAC_DRIVER_ALIGNMENT - 1) / LAC_DRIVER_ALIGNMENT * LAC_DRIVER_ALIGNMENT;
    if (bytes > p->left) fail("input", "cut short");
    p->at += bytes;
    p->left -= bytes;
    return at;
}

/* Of LAC_I8 with so many scales. */
static lac_tensor input(problem *p, int32_t type, int32_t heads, int32_t tokens, int32_t features,
                        int32_t scales) {
    lac_tensor t = tensor(p->head, (lac_type)type, heads, tokens, features);
    size_t bytes = (size_t)t.batch_stride * (size_t)t.batch;
    if (t.type == LAC_I8) {
        bytes = (bytes + 3) / 4 * 4;
        t.scales = (const float *)(p->at + bytes);
        bytes += sizeof(float) * (size_t)scales;
    }
    t.data = (void *)taken(p, bytes);
    return t;
}

static void read_lists(problem *p) {
    const struct lac_driver_problem *h = p->head;
    lac_lists *const l = &p->lists;
    if (!h->lists) return;
    l->size = sizeof *l;
    l->global_count = h->global_count;
    l->batch = h->list_batch;
    l->heads = h->list_heads;
    l->rows = h->list_rows;
    l->index_count = h->index_count;
    const size_t count = (size_t)l->index_count * sizeof *l->indices;
    l->globals = taken(p, (size_t)l->global_count * sizeof *l->globals);
    if (h->global_starts)
        l->global_starts = taken(p, ((size_t)h->batch + 1) * sizeof *l->global_starts);
    if (h->list_starts)
        l->starts = taken(
            p, ((size_t)l->batch * (size_t)l->heads * (size_t)l->rows + 1) * sizeof *l->starts);
    l->indices = taken(p, count);
    if (h->queries) l->queries = taken(p, count);
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
    const int32_t units = h->batch * h->heads;
    const int32_t kv_scales = h->batch * h->kv_heads * (h->type == LAC_I8 ? 1 : h->k_tokens);
    p.q = input(&p, h->type, h->heads, h->q_tokens, h->head_dim, units * h->q_tokens);
    p.k = input(&p, h->key_type, h->kv_heads, h->k_tokens, h->head_dim, kv_scales);
    p.v = input(&p, h->value_type, h->kv_heads, h->k_tokens, h->value_dim, kv_scales);
    const lac_type out = h->type == LAC_I8 ? LAC_I16 : (lac_type)h->type;
    read_lists(&p);
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

/* Checks the lists and plans a pattern, three times. Returns the least nanoseconds of a plan. */
static int64_t plan_of(problem *p, const lac_pattern *pattern, int reads_lists, call *c) {
    const struct lac_driver_problem *h = p->head;
    const lac_shape shape = {.size = sizeof shape,
                             .batch = h->batch,
                             .heads = h->heads,
                             .kv_heads = h->kv_heads,
                             .q_tokens = h->q_tokens,
                             .k_tokens = h->k_tokens,
                             .q_starts = h->steps == LAC_DRIVER_LAST ? NULL : p->starts,
                             .lists = reads_lists ? &p->lists : NULL};
    for (int i = 0; reads_lists && i < 3; i++) {
        lac_list_error error;
        const int64_t start = driver_nanoseconds(0);
        check("lists", lac_lists_check(pattern, &shape, &p->lists, &error));
        const int64_t took = driver_nanoseconds(0) - start;
        if (i == 0 || took < c->check_nanoseconds) c->check_nanoseconds = took;
    }
    size_t bytes;
    check("plan", lac_plan_bytes(&c->kernel, pattern, &shape, &bytes));
    void *memory = memory_of(bytes);
    int64_t best = 0;
    for (int i = 0; i < 3; i++) {
        const int64_t start = driver_nanoseconds(0);
        check("plan", lac_plan_init(&c->kernel, pattern, &shape, memory, bytes, &c->plan));
        const int64_t took = driver_nanoseconds(0) - start;
        if (i == 0 || took < best) best = took;
    }
    return best;
}

/* Makes a pattern's call ready and says how. */
static call planned(problem *p, int index, const lac_bundle *bundle) {
    const struct lac_driver_problem *h = p->head;
    const char *const text = h->pattern[index];
    lac_pattern pattern;
    if (lac_pattern_parse(text, &pattern, NULL) != LAC_OK) fail(text, "not a pattern");
    const lac_request request = {.size = sizeof request,
                                 .type = (lac_type)h->type,
                                 .pattern = &pattern,
                                 .head_dim = h->head_dim,
                                 .value_dim = h->value_dim,
                                 .key_type = (lac_type)h->key_type,
                                 .value_type = (lac_type)h->value_type,
                                 .arithmetic = (lac_type)h->arithmetic};
    call c = {.step = {.size = sizeof c.step}, .state = {.size = sizeof c.state}};
    check("kernel", lac_kernel_find(bundle, &request, &c.kernel));
    const int64_t nanoseconds = plan_of(p, &pattern, h->lists && index == 0, &c);
    if (h->steps)
        make_caches(p, &pattern, &c);
    else
        c.workspace_bytes = lac_workspace_bytes(c.plan, p->args.threads);
    c.workspace = memory_of(c.workspace_bytes);
    driver_say("call ");
    driver_say(lac_kernel_name(&c.kernel));
    driver_say(" ");
    driver_say(lac_kernel_tier(&c.kernel));
    say_number(lac_plan_attended_pairs(c.plan));
    say_number(lac_plan_crossover(c.plan));
    say_number((int64_t)c.workspace_bytes);
    say_number(nanoseconds);
    say_number((int64_t)c.cache_bytes);
    say_number(c.state.kept);
    say_number(c.state.slots);
    say_number(c.state.padded_slots);
    say_number(c.check_nanoseconds);
    driver_say("\n");
    return c;
}

static void attend(const problem *p, const call *c) {
    if (p->head->steps == LAC_DRIVER_ALL)
        replay(p, c);
    else if (p->head->steps == LAC_DRIVER_LAST)
        check("step", lac_step_attend(&c->step, &p->q, &p->out, &p->args, c->workspace,
                                      c->workspace_bytes));
    else
        check("attention", lac_attention(&c->kernel, c->plan, &p->q, &p->k, &p->v, &p->out,
                                         &p->args, c->workspace, c->workspace_bytes));
}
static void counted(const problem *p, const call *c) {
    driver_count(1);
    attend(p, c);
    driver_count(0);
}
static void timed(const problem *p, const call *c, int index,
                  void (*how)(const problem *, const call *)) {
    const int64_t of_program = driver_nanoseconds(1), start = driver_nanoseconds(0);
    how(p, c);
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
            do timed(p, &calls[i], i, attend);
            while (driver_nanoseconds(0) - start < h->round_microseconds * (int64_t)1000);
        }
    }
}

int driver_main(int argc, char **argv) {
    if (argc != 3) fail("usage", "DRIVER IN OUT");
    problem p = read_problem(argv[1]);
    const lac_bundle *bundles[LAC_DRIVER_PATTERNS] = {&lac_kernels, &lac_kernels};
#ifdef LAC_DRIVER_RIVAL
    if (p.head->rival) bundles[p.head->patterns - 1] = &lac_rival_kernels;
#endif
    call calls[LAC_DRIVER_PATTERNS];
    for (int i = 0; i < p.head->patterns; i++) calls[i] = planned(&p, i, bundles[i]);
    if (p.head->rounds > 0)
        measure(&p, calls);
    else if (driver_nanoseconds(0) < 0)
        counted(&p, &calls[0]);
    else
        timed(&p, &calls[0], 0, counted);
    const void *const parts[] = {p.out.data, p.args.log_sum_exp};
    const size_t bytes[] = {p.out_bytes, p.log_sum_exp_bytes};
    if (!driver_write(argv[2], parts, bytes, 2)) fail(argv[2], "cannot write");
    return 0;
}
