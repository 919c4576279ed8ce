#include "runtime/route.h"

#include "runtime/tensor.h"
#include "runtime/validate.h"

namespace lacuna {

namespace {

struct Job {
    const RouteSetup &setup;
    const RouteMemory &memory;
    const lac_tensor &q, &k;
    int64_t chunk, chunks;  // blocks that one task summarises; such tasks of a KV head

    int64_t units() const { return static_cast<int64_t>(setup.shape.batch) * setup.shape.kv_heads; }
    float *summary(int64_t unit) const { return memory.summaries + unit * memory.summary_floats; }
    int64_t plane() const { return memory.summary_stride * setup.variant->head_dim; }
};

// `blocks` blocks from `first` on, of `keys` keys each.
void summarise_blocks(const Job &job, int64_t unit, int64_t first, int64_t blocks, int64_t keys) {
    const int32_t d = job.setup.variant->head_dim, kv_heads = job.setup.shape.kv_heads;
    const int64_t block = job.setup.rule.block;
    const auto stride = static_cast<int32_t>(job.memory.summary_stride);
    const auto count = static_cast<int32_t>(blocks);
    const int64_t step = job.k.token_stride, sequence = unit / kv_heads, head = unit % kv_heads;
    const auto rows = static_cast<int32_t>(keys);
    View<3> source(elements_at(job.k, sequence, head, first * block), Dim{d, 1},
                   Dim{rows, rows > 1 ? elements_in(step, job.k.type) : 0},
                   Dim{count, count > 1 ? elements_in(step * block, job.k.type) : 0});
    View<2> scales(scale_at(job.k, sequence, head, first * block), Dim{rows, 1},
                   Dim{count, static_cast<int32_t>(block)});
    float *const to = job.summary(unit) + first;
    View<2> high(to, Dim{count, 1}, Dim{d, stride});
    View<2> low(job.setup.mean ? to : to + job.plane(), Dim{job.setup.mean ? 0 : count, 1},
                Dim{d, stride});
    job.setup.variant->summarise(&source, &scales, job.setup.mean, &high, &low);
}

// The kernel computes whole register blocks. Whatever lies behind the last block changes no score,
// but denormals would cost a hundred cycles each.
void clear_padding(const Job &job, int64_t unit, int64_t blocks) {
    float *const summary = job.summary(unit);
    const int64_t end = padded(job.setup, blocks);
    for (int64_t at = 0; at < job.memory.summary_floats; at += job.memory.summary_stride)
        for (int64_t b = blocks; b < end; b++) summary[at + b] = 0;
}

void summarise_task(const Job &job, int64_t task) {
    const int64_t unit = task / job.chunks, first = task % job.chunks * job.chunk;
    const auto sequence = static_cast<int32_t>(unit / job.setup.shape.kv_heads);
    const int64_t n = keys_in(job.setup.shape, sequence), keys = job.setup.rule.block;
    const int64_t blocks = ceil_div(n, keys), end = smaller(first + job.chunk, blocks);
    if (first >= blocks) return;
    const int64_t whole = smaller(end, n / keys) - first;
    if (whole > 0) summarise_blocks(job, unit, first, whole, keys);
    if (first + whole < end) summarise_blocks(job, unit, first + whole, 1, n % keys);
    if (end == blocks) clear_padding(job, unit, blocks);
}

// The scores of blocks 0…count-1 for queries first…end-1 of the tensor and all heads of the group.
void score_blocks(const Job &job, int64_t unit, int64_t first, int64_t end, int64_t count,
                  float *scores) {
    const lac_shape &shape = job.setup.shape;
    const int32_t d = job.setup.variant->head_dim, heads = shape.heads / shape.kv_heads;
    const auto blocks = static_cast<int32_t>(padded(job.setup, count));
    const auto stride = static_cast<int32_t>(job.memory.summary_stride);
    const float *const summary = job.summary(unit);
    View<2> high(summary, Dim{blocks, 1}, Dim{d, stride});
    View<2> low(job.setup.mean ? summary : summary + job.plane(), Dim{blocks, 1}, Dim{d, stride});
    View<1> earlier(scores, Dim{blocks, 1}), out(scores, Dim{blocks, 1});
    const int64_t sequence = unit / shape.kv_heads, head = unit % shape.kv_heads * heads;
    for (int64_t token = first; token < end; token += kRouteTokens) {
        const auto tokens = static_cast<int32_t>(smaller<int64_t>(end - token, kRouteTokens));
        View<3> queries(elements_at(job.q, sequence, head, token), Dim{d, 1},
                        Dim{heads, heads > 1 ? elements_in(job.q.head_stride, job.q.type) : 0},
                        Dim{tokens, tokens > 1 ? elements_in(job.q.token_stride, job.q.type) : 0});
        job.setup.variant->route(&queries, &high, &low, job.setup.mean, token > first, &earlier,
                                 &out);
    }
}

void route_task(const Job &job, const RouteScratch &scratch, IndexSet &set, int64_t task) {
    const RouteSetup &setup = job.setup;
    const int32_t rows = rows_in(setup);
    const int64_t unit = task / rows;
    const auto row = static_cast<int32_t>(task % rows);
    const auto sequence = static_cast<int32_t>(unit / setup.shape.kv_heads);
    const RowBlocks blocks = row_blocks(setup, sequence, row);
    if (blocks.count == 0) return;
    const int64_t q = queries_in(setup.shape, sequence);
    const int64_t first = static_cast<int64_t>(row) * setup.rule.tile;
    if (blocks.count > setup.rule.most) {
        score_blocks(job, unit, first, smaller(first + setup.rule.tile, q), blocks.count,
                     scratch.scores);
        // Overflowed scores are infinite too, and ties would go to the lower block.
        for (int64_t b = 0; b < blocks.count; b++)
            scratch.scores[b] = scratch.scores[b] > __FLT_MAX__ ? __FLT_MAX__ : scratch.scores[b];
        scratch.scores[blocks.own] = __builtin_inff();
    }
    select_row({job.memory.counting, scratch.scores, blocks.count},
               {setup.rule.best, setup.rule.most, blocks.count, blocks.count}, set,
               job.memory.indices + job.memory.starts[task]);
}

int64_t take(const Job &job) {
    return __atomic_fetch_add(job.memory.next_task, 1, __ATOMIC_RELAXED);
}

void summarise_work(void *argument, int32_t) {
    const Job &job = *static_cast<const Job *>(argument);
    const int64_t tasks = job.units() * job.chunks;
    for (int64_t task = take(job); task < tasks; task = take(job)) summarise_task(job, task);
}

void route_work(void *argument, int32_t thread) {
    const Job &job = *static_cast<const Job *>(argument);
    const RouteScratch scratch(job.memory, thread);
    const int64_t words = IndexSet::words(job.memory.blocks),
                  tasks = job.units() * rows_in(job.setup);
    for (int64_t i = 0; i < words; i++) scratch.bits[i] = 0;
    for (int64_t i = 0; i < IndexSet::words(words); i++) scratch.summary[i] = 0;
    IndexSet set(scratch.bits, scratch.summary, job.memory.blocks);
    for (int64_t task = take(job); task < tasks; task = take(job))
        route_task(job, scratch, set, task);
}

void write_starts(const RouteSetup &setup, int64_t *starts) {
    const int32_t rows = rows_in(setup);
    *starts = 0;
    for (int32_t b = 0; b < setup.shape.batch; b++)
        for (int32_t h = 0; h < setup.shape.kv_heads; h++)
            for (int32_t r = 0; r < rows; r++, starts++)
                starts[1] = starts[0] + chosen_of(setup.rule, row_blocks(setup, b, r).count);
}

}  // namespace

void run_route(const RouteSetup &setup, const RouteMemory &memory, const lac_tensor &q,
               const lac_tensor &k, lac_parallel_for parallel_for, void *parallel_context) {
    write_starts(setup, memory.starts);
    for (int64_t i = 0; i < memory.blocks; i++) memory.counting[i] = static_cast<int32_t>(i);
    const auto chunk = larger<int64_t>(kSummaryKeys / setup.rule.block, 1);
    Job job{setup, memory, q, k, chunk, ceil_div(memory.blocks, chunk)};
    const lac_work phases[] = {summarise_work, route_work};
    for (const lac_work work : phases) {
        *memory.next_task = 0;
        if (setup.threads == 1)
            work(&job, 0);
        else
            parallel_for(parallel_context, setup.threads, work, &job);
    }
}

}  // namespace lacuna
