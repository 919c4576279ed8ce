// Workspace of steps: of all that there may be, and of one that brings its plan.
#include "runtime/cache.h"
#include "runtime/carver.h"
#include "runtime/plan_builder.h"
#include "runtime/validate.h"

namespace lacuna {

namespace {

PlanCounts most(const PlanCounts &a, const PlanCounts &b) {
    return {larger(a.layouts, b.layouts), larger(a.blocks, b.blocks), larger(a.tiles, b.tiles),
            larger(a.runs, b.runs), larger(a.words, b.words)};
}

// From this length on plans repeat: a tile's panels and edges then depend on the length modulo
// `period` alone, but for the lengths of runs.
struct Repeat {
    int64_t from, period;
};

int64_t multiple(int64_t a, int64_t b) { return a / gcd(a, b) * b; }

Repeat repeat_of(const lac_plan &plan, int64_t limit) {
    const lac_variant &v = *plan.variant;
    Repeat r{larger<int64_t>(plan.crossover, 0), v.tile_rows};
    for (int32_t s = 0; s < plan.store_count; s++)
        r.period =
            smaller(multiple(r.period, int64_t{plan.store[s].modulus} * v.panel_keys), limit);
    for (int32_t g = 0; g < plan.group_count; g++)
        r.period =
            smaller(multiple(r.period, int64_t{plan.group[g].row_stride} * v.tile_rows), limit);
    for (uint32_t a = 0; a < plan.pattern.atom_count; a++) {
        const lac_atom &atom = plan.pattern.atom[a];
        const Retention k = retention_of(atom);
        if (k.last != kEverything) r.from = larger<int64_t>(r.from, k.last);
        r.from = larger<int64_t>(r.from, k.first);
        if (syntax_of(atom.kind).by_length) r.from = limit;
        // Blocks end where no panel does.
        for (const int32_t arg : atom.arg)
            if (arg > 0) r.period = smaller(multiple(r.period, arg), limit);
    }
    return r;
}

// What steps of one cache hold at most, at any length up to shape.k_tokens.
struct Most {
    PlanCounts counts;
    int64_t blocks = 0;  // of all KV heads
};

Most most_of(lac_plan &plan, lac_shape shape) {
    Most all;
    const int64_t context = shape.k_tokens, most_queries = shape.q_tokens;
    const Repeat repeat = repeat_of(plan, context);
    const int64_t repeats = repeat.from + 2 * repeat.period + most_queries;
    const int64_t end = is_incremental(plan.pattern) ? repeats : most_queries;
    for (int64_t tokens = 1; tokens <= smaller(context, end); tokens++) {
        shape.k_tokens = static_cast<int32_t>(tokens);
        shape.q_tokens = static_cast<int32_t>(smaller(tokens, most_queries));
        PlanBuilder builder(plan, shape, false);
        builder.build();
        all.counts = most(all.counts, builder.counts());
        all.blocks = larger(all.blocks, plan.unit_blocks);
    }
    return all;
}

// Tiles have as many items as a full cache has, but a shorter one may have an item more in each
// segment. Threads share tiles where these are fewer, each alone in its block; else tiles of a
// block take turns.
size_t workspace_bytes(lac_plan &plan, const lac_cache_options &o, int64_t blocks,
                       int32_t threads) {
    lac_plan full = plan;
    PlanBuilder(full, shape_of(o, 1), false).build();
    plan.most_items = larger(plan.most_items, full.most_items) + plan.segment_count;
    // One cache with one query already has a tile for each KV head.
    plan.unit_blocks = o.kv_heads < threads ? smaller<int64_t>(blocks, threads - 1) : 0;
    const auto bytes = [&] { return Workspace(plan, larger(threads, 1), false, nullptr).bytes(); };
    const size_t in_turns = bytes();
    plan.most_tiles = 1;
    return larger(in_turns, bytes());
}

}  // namespace
}  // namespace lacuna

using namespace lacuna;

extern "C" {

lac_status lac_step_bytes(const lac_kernel *kernel, const lac_pattern *pattern,
                          const lac_cache_options *options, int32_t count, int32_t q_tokens,
                          int32_t threads, size_t *bytes) {
    if (!bytes || count < 1) return LAC_BAD_ARGUMENT;
    if (threads < 0 || threads > LAC_MAX_THREADS) return LAC_TOO_MANY_THREADS;
    lac_cache cache;
    if (lac_status s = describe_cache(kernel, pattern, options, &cache); s != LAC_OK) return s;
    if (reads_lists(cache.pattern)) return LAC_NO_LISTS;
    const lac_cache_options &o = cache.options;
    if (q_tokens < 1 || q_tokens > o.max_context) return LAC_BAD_LENGTH;
    const lac_shape shape = shape_of(o, q_tokens);
    lac_plan plan;
    describe(plan, cache.kernel, cache.pattern, shape);
    Most steps = most_of(plan, shape);
    PlanCounts &counts = steps.counts;
    // With a tree, no panel of drafted tokens is wholly kept.
    if (q_tokens > 1) {
        const int64_t panels = kMostDrafted / plan.variant->panel_keys + 1;
        const int64_t more = counts.tiles * plan.segment_count * panels;
        counts.runs += more;
        counts.words += more * plan.variant->tile_rows;
    }
    int64_t *const all[] = {&counts.layouts, &counts.blocks, &counts.tiles, &counts.runs,
                            &counts.words};
    for (int64_t *n : all) *n *= count;
    plan.batch = count;
    *bytes = aligned(count * sizeof(int32_t)) + plan_bytes(plan, counts) +
             workspace_bytes(plan, o, steps.blocks * count, threads);
    return LAC_OK;
}

size_t lac_step_plan_bytes(const lac_plan *plan, int32_t threads) {
    if (!plan || threads < 0 || threads > LAC_MAX_THREADS) return 0;
    return Workspace(*plan, larger(threads, 1), false, nullptr).bytes();
}

}  // extern "C"
