#include "runtime/route.h"

#include "runtime/validate.h"

namespace lacuna {

namespace {

int64_t blocks_of(const RouteSetup &s) { return ceil_div(s.shape.k_tokens, s.rule.block); }

// An odd number of cache lines: features a power of two apart would share a few cache sets.
int64_t summary_stride_of(const RouteSetup &s) {
    constexpr int64_t kLine = 16;  // floats
    return (ceil_div(padded(s, blocks_of(s)), kLine) | 1) * kLine;
}

lac_status read_args(const lac_route_args *args, lac_route_args *read) {
    *read = {};
    read->size = sizeof(lac_route_args);
    if (args) *read = *args;
    if (read->size != sizeof(lac_route_args)) return LAC_BAD_ARGUMENT;
    if (read->method != LAC_ROUTE_MINMAX && read->method != LAC_ROUTE_MEAN) return LAC_BAD_ARGUMENT;
    if (read->threads < 0 || read->threads > LAC_MAX_THREADS) return LAC_TOO_MANY_THREADS;
    if (read->threads > 1 && !read->parallel_for) return LAC_BAD_ARGUMENT;
    return LAC_OK;
}

lac_status set_up(const lac_kernel *kernel, const lac_pattern *pattern, const lac_shape *shape,
                  const lac_route_args &args, RouteSetup *setup) {
    if (!kernel || kernel->size != sizeof(lac_kernel) || !kernel->variant || !shape)
        return LAC_BAD_ARGUMENT;
    if (!kernel->variant->route) return LAC_NO_KERNEL;
    if (const lac_status s = read_topk(pattern, &setup->rule); s != LAC_OK) return s;
    if (!TopK::by_blocks(*topk_of(*pattern))) return LAC_BAD_PATTERN;
    if (const lac_status s = validate_shape(*shape); s != LAC_OK) return s;
    setup->variant = kernel->variant;
    setup->shape = *shape;
    setup->mean = args.method == LAC_ROUTE_MEAN;
    setup->threads = larger(args.threads, 1);
    // Kernels index a summary with 32 bits.
    return summary_stride_of(*setup) * setup->variant->head_dim > INT32_MAX ? LAC_BAD_LENGTH
                                                                            : LAC_OK;
}

}  // namespace

RowBlocks row_blocks(const RouteSetup &setup, int32_t sequence, int32_t row) {
    const RowQueries queries = row_queries(setup.rule, setup.shape, sequence, row);
    if (!queries.any) return {0, 0};
    const int64_t own = queries.last / setup.rule.block;
    return {setup.rule.bidi ? ceil_div(keys_in(setup.shape, sequence), setup.rule.block) : own + 1,
            own};
}

RouteMemory::RouteMemory(const RouteSetup &setup, void *memory) {
    const lac_shape &shape = setup.shape;
    const int32_t rows = rows_in(setup);
    const int64_t units = static_cast<int64_t>(shape.batch) * shape.kv_heads;
    chosen = 0;
    for (int32_t b = 0; b < shape.batch; b++)
        for (int32_t r = 0; r < rows; r++)
            chosen += chosen_of(setup.rule, row_blocks(setup, b, r).count);
    blocks = blocks_of(setup);
    summary_stride = summary_stride_of(setup);
    summary_floats = summary_stride * setup.variant->head_dim * (setup.mean ? 1 : 2);
    Carver c(memory);
    starts = c.take<int64_t>(units * rows + 1);
    chosen *= shape.kv_heads;
    indices = c.take<int32_t>(chosen);
    counting = c.take<int32_t>(blocks);
    summaries = c.take<float>(units * summary_floats);
    scratch_bytes = RouteScratch::bytes_for(blocks, padded(setup, blocks));
    scratch = c.take<uint8_t>(static_cast<int64_t>(scratch_bytes) * setup.threads);
    next_task = c.take<int64_t>(1);
    bytes = c.used();
}

size_t RouteScratch::bytes_for(int64_t blocks, int64_t scores) {
    Carver c(nullptr);
    c.take<uint64_t>(IndexSet::words(blocks));
    c.take<uint64_t>(IndexSet::words(IndexSet::words(blocks)));
    c.take<float>(scores);
    return c.used();
}

RouteScratch::RouteScratch(const RouteMemory &memory, int32_t thread) {
    Carver c(memory.scratch + static_cast<size_t>(thread) * memory.scratch_bytes);
    bits = c.take<uint64_t>(IndexSet::words(memory.blocks));
    summary = c.take<uint64_t>(IndexSet::words(IndexSet::words(memory.blocks)));
    scores = c.take<float>(0);  // the rest
}

lac_status route(const RouteSetup &setup, const lac_route_args &args, const lac_tensor *q,
                 const lac_tensor *k, void *memory, size_t bytes, lac_lists *lists) {
    if (const lac_status s =
            validate_route_tensors(*setup.variant, setup.shape, setup.rule.block, q, k);
        s != LAC_OK)
        return s;
    if (reinterpret_cast<uintptr_t>(memory) % LAC_MEMORY_ALIGNMENT) return LAC_BAD_ALIGNMENT;
    const RouteMemory places(setup, memory);
    if (bytes < places.bytes) return LAC_TOO_SMALL;
    run_route(setup, places, *q, *k, args.parallel_for, args.parallel_context);
    *lists = {};
    lists->size = sizeof(lac_lists);
    lists->batch = setup.shape.batch;
    lists->heads = setup.shape.kv_heads;
    lists->rows = rows_in(setup);
    lists->index_count = places.chosen;
    lists->starts = places.starts;
    lists->indices = places.indices;
    return LAC_OK;
}

}  // namespace lacuna

extern "C" lac_status lac_route_bytes(const lac_kernel *kernel, const lac_pattern *pattern,
                                      const lac_shape *shape, const lac_route_args *args,
                                      size_t *bytes) {
    using namespace lacuna;
    lac_route_args read;
    RouteSetup setup{};
    if (!bytes) return LAC_BAD_ARGUMENT;
    if (const lac_status s = read_args(args, &read); s != LAC_OK) return s;
    if (const lac_status s = set_up(kernel, pattern, shape, read, &setup); s != LAC_OK) return s;
    *bytes = RouteMemory(setup, nullptr).bytes;
    return LAC_OK;
}

extern "C" lac_status lac_route(const lac_kernel *kernel, const lac_pattern *pattern,
                                const lac_shape *shape, const lac_route_args *args,
                                const lac_tensor *q, const lac_tensor *k, void *memory,
                                size_t bytes, lac_lists *lists) {
    using namespace lacuna;
    lac_route_args read;
    RouteSetup setup{};
    if (!memory || !lists) return LAC_BAD_ARGUMENT;
    if (const lac_status s = read_args(args, &read); s != LAC_OK) return s;
    if (const lac_status s = set_up(kernel, pattern, shape, read, &setup); s != LAC_OK) return s;
    const lac_status s = route(setup, read, q, k, memory, bytes, lists);
    if (s == LAC_OK) lists->checked = seal_of(*pattern, *shape, *lists);
    return s;
}
