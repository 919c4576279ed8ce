// lac_plan_*: sizes and places of a plan's arrays in the caller's memory.
#include "runtime/plan.h"

#include "runtime/carver.h"
#include "runtime/plan_builder.h"
#include "runtime/validate.h"

namespace lacuna {
namespace {

size_t place(lac_plan &plan, const PlanCounts &count, Carver carver) {
    plan.units = carver.take<Unit>(static_cast<int64_t>(plan.batch) * plan.kv_heads);
    plan.layouts = carver.take<Layout>(count.layouts);
    plan.blocks = carver.take<TileBlock>(count.blocks);
    plan.tiles = carver.take<RowTile>(count.tiles);
    plan.runs = carver.take<Run>(count.runs);
    plan.words = carver.take<uint32_t>(count.words);
    return carver.used();
}

constexpr size_t kHeader = aligned(sizeof(lac_plan));

bool in_range(const lac_plan &plan, const PlanCounts &c) {
    for (int32_t s = 0; s < plan.store_count; s++)
        if (!panels_fit(*plan.variant, plan.store_panels[s])) return false;
    return larger(larger(c.blocks, c.tiles), c.runs) < INT32_MAX &&
           c.words < static_cast<int64_t>(kTested);
}

struct Sizes {
    PlanCounts counts;
    size_t bytes = 0;
};

// Checks the arguments and counts what their plan will hold.
lac_status count(const lac_kernel *kernel, const lac_pattern **pattern, const lac_shape *shape,
                 Sizes *sizes) {
    if (lac_status s = validate_plan_arguments(kernel, pattern, shape); s != LAC_OK) return s;
    lac_plan plan;
    describe(plan, *kernel, **pattern, *shape);
    PlanBuilder builder(plan, *shape, false);
    builder.build();
    if (!in_range(plan, builder.counts())) return LAC_BAD_LENGTH;
    *sizes = {builder.counts(), kHeader + place(plan, builder.counts(), Carver(nullptr))};
    return LAC_OK;
}

}  // namespace

size_t plan_bytes(const lac_plan &plan, const PlanCounts &counts) {
    lac_plan copy = plan;
    return kHeader + place(copy, counts, Carver(nullptr));
}

lac_status make_plan(const lac_kernel *kernel, const lac_pattern *pattern, const lac_shape *shape,
                     void *memory, size_t bytes, const lac_plan **out, size_t *used) {
    Sizes sizes;
    if (lac_status s = count(kernel, &pattern, shape, &sizes); s != LAC_OK) return s;
    if (bytes < sizes.bytes) return LAC_TOO_SMALL;
    lac_plan &plan = *static_cast<lac_plan *>(memory);
    describe(plan, *kernel, *pattern, *shape);
    place(plan, sizes.counts, Carver(static_cast<uint8_t *>(memory) + kHeader));
    PlanBuilder(plan, *shape, true).build();
    *out = &plan;
    *used = sizes.bytes;
    return LAC_OK;
}

}  // namespace lacuna

using namespace lacuna;

extern "C" {

lac_status lac_plan_bytes(const lac_kernel *kernel, const lac_pattern *pattern,
                          const lac_shape *shape, size_t *bytes) {
    if (!bytes) return LAC_BAD_ARGUMENT;
    Sizes sizes;
    if (lac_status s = count(kernel, &pattern, shape, &sizes); s != LAC_OK) return s;
    *bytes = sizes.bytes;
    return LAC_OK;
}

lac_status lac_plan_init(const lac_kernel *kernel, const lac_pattern *pattern,
                         const lac_shape *shape, void *memory, size_t bytes, const lac_plan **out) {
    if (!memory || !out) return LAC_BAD_ARGUMENT;
    if (reinterpret_cast<uintptr_t>(memory) % LAC_MEMORY_ALIGNMENT) return LAC_BAD_ALIGNMENT;
    size_t used = 0;
    return make_plan(kernel, pattern, shape, memory, bytes, out, &used);
}

int64_t lac_plan_attended_pairs(const lac_plan *plan) { return plan ? plan->attended_pairs : 0; }
int64_t lac_plan_computed_pairs(const lac_plan *plan) { return plan ? plan->computed_pairs : 0; }
int32_t lac_plan_crossover(const lac_plan *plan) { return plan ? plan->crossover : 0; }

}  // extern "C"
