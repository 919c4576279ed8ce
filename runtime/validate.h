// Checks before anything runs, so that kernels need none.
#pragma once
#include "runtime/include/lacuna/rope.h"
#include "runtime/plan.h"

namespace lacuna {

// The extents and lengths of a shape; with a pattern, also that it is well-formed and that its
// heads(...) names the shape's query heads.
lac_status validate_shape(const lac_shape &shape);
lac_status validate_shape(const lac_pattern &pattern, const lac_shape &shape);

// *pattern may be null for a kernel compiled for one: then it is set to the kernel's own. The
// second looks at the lists as well.
lac_status validate_plan_shape(const lac_kernel *kernel, const lac_pattern **pattern,
                               const lac_shape &shape);
lac_status validate_plan_arguments(const lac_kernel *kernel, const lac_pattern **pattern,
                                   const lac_shape *shape);

// Kernels index the panels of a store with 32 bits.
inline bool panels_fit(const lac_variant &v, int64_t panels) {
    const int64_t features = larger(v.head_dim + 1, v.value_planes * v.plane);
    return panels <= INT32_MAX / (v.panel_keys * features);
}

constexpr double kLog2E = 1.4426950408889634;  // scores are in base-2 units

struct Call {
    const lac_plan *plan;
    lac_tensor q, k, v, out;
    const lac_cache *const *caches;  // instead of k and v, one a sequence; else null
    const lac_rope *rope = nullptr;  // turns Q by position
    float query_scale;               // scale·log2(e)
    float softcap;                   // in base-2 units
    float *log_sum_exp;
    const float *sink_logits;  // natural
    const float *alibi_slopes;
    int32_t threads;
    lac_parallel_for parallel_for;
    void *parallel_context;
};

// Keys and values that a cache takes: of batch 1, some tokens, KV heads and head sizes.
lac_status validate_appended(const lac_variant &variant, int32_t kv_heads, int64_t farthest_keys,
                             const lac_tensor *k, const lac_tensor *v);

// A tensor of this type, with the extents of another.
lac_status validate_rows(const lac_tensor &t, lac_type type, const lac_tensor &like);
bool overlap(const lac_tensor &a, const lac_tensor &b);
// Does some of the output lie in this memory?
bool overlaps(const lac_tensor &out, const void *memory, size_t bytes);

// All of a call but K and V, which lie in caches.
lac_status validate_step(const lac_plan &plan, const lac_tensor *q, const lac_tensor *out,
                         const lac_args *args, Call *call);

lac_status validate_call(const lac_kernel *kernel, const lac_plan *plan, const lac_tensor *q,
                         const lac_tensor *k, const lac_tensor *v, const lac_tensor *out,
                         const lac_args *args, Call *call);

// Keys that one kernel call of the router summarises at least, and tokens that it scores at most.
constexpr int32_t kSummaryKeys = 1024, kRouteTokens = 64;
lac_status validate_route_tensors(const lac_variant &variant, const lac_shape &shape, int32_t block,
                                  const lac_tensor *q, const lac_tensor *k);

}  // namespace lacuna
