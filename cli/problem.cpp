#include "cli/problem.h"

#include <cstdlib>

#include "cli/errors.h"
#include "cli/host_bundle.h"
#include "cli/measure.h"
#include "runtime/cpu.h"
#include "schedules/targets.h"

namespace lacuna {

namespace {

std::string tiers_here() {
    std::string names;
    for (const Tier &tier : *find_platform("host")->tiers)
        if ((tier.cpu_features & ~cpu_features()) == 0)
            names += (names.empty() ? "" : ", ") + std::string(tier.name);
    return names;
}

Failure no_tier() {
    const char *pinned = std::getenv("LACUNA_TIER");
    if (!pinned || !*pinned) return unsupported("this CPU runs no tier of its platform");
    return usage(std::string("LACUNA_TIER=") + pinned + ": no tier that runs here; available are " +
                 tiers_here());
}

const lac_bundle &bundle_for(const lac_pattern &pattern, const ProblemSize &size, KeepTest test) {
    const auto compiled = test == KeepTest::kCompiled ? std::optional(pattern) : std::nullopt;
    return *host_bundle(
        {make_kernel(size.dtypes, size.head_dim, size.value_dim, compiled, "head size")});
}

lac_request request_for(const lac_pattern &pattern, const ProblemSize &size) {
    return {sizeof(lac_request), size.dtypes.q, size.head_dim,         size.value_dim, &pattern,
            size.dtypes.k,       size.dtypes.v, size.dtypes.arithmetic};
}

}  // namespace

Failure failure_of(const lac::Error &error) {
    if (error.status == LAC_NO_TIER) return no_tier();
    return bad_input(std::string("the runtime refused: ") + error.what());
}

lac_kernel find_kernel(const lac_pattern &pattern, const ProblemSize &size, KeepTest test) {
    return find_kernel(bundle_for(pattern, size, test), pattern, size);
}

lac_kernel find_kernel(const lac_bundle &bundle, const lac_pattern &pattern,
                       const ProblemSize &size) try {
    const lac_request request = request_for(pattern, size);
    lac_kernel kernel{};
    lac::check(lac_kernel_find(&bundle, &request, &kernel));
    return kernel;
} catch (const lac::Error &error) {
    throw failure_of(error);
}

Problem::Problem(const lac_pattern &pattern, const ProblemSize &size, const lac_lists *lists,
                 int32_t threads, KeepTest test)
    : Problem(bundle_for(pattern, size, test), pattern, size, lists, threads) {}

Problem::Problem(const lac_bundle &bundle, const lac_pattern &pattern, const ProblemSize &size,
                 const lac_lists *lists, int32_t threads) try
    : pattern_(pattern),
      size_(size),
      q_starts_(static_cast<size_t>(size.batch), size.q_start),
      shape_(size.shape(q_starts_.data(), lists)),
      attention_(bundle, request_for(pattern_, size), pattern_, shape_, threads) {
    if (threads > 1) pool_.emplace(threads);
} catch (const lac::Error &error) {
    throw failure_of(error);
} catch (const std::bad_alloc &) {
    throw bad_input("not enough memory for the plan and its workspace");
}

void Problem::attend(void *q, void *k, void *v, void *out, lac_args args) {
    const ProblemSize &s = size_;
    args.size = sizeof(lac_args);
    if (pool_) pool_->use_in(args);
    try {
        attention_(s.query_tensor(q), s.key_tensor(s.dtypes.k, k, s.head_dim),
                   s.key_tensor(s.dtypes.v, v, s.value_dim),
                   lac::tensor(s.dtypes.out(), out, s.batch, s.heads, s.q_tokens, s.value_dim),
                   &args);
    } catch (const lac::Error &error) {
        throw failure_of(error);
    }
}

size_t ProblemSize::step_bytes(int64_t attended_pairs) const {
    const auto keys = static_cast<size_t>(attended_pairs / rows());
    return keys * batch * kv_heads *
           (row_bytes(dtypes.k, head_dim) + row_bytes(dtypes.v, value_dim));
}

lac_tensor ProblemSize::query_tensor(void *elements) const {
    lac_tensor t = lac::tensor(dtypes.q, elements, batch, heads, q_tokens, head_dim);
    t.scales = scales_of(dtypes.q, elements, rows() * head_dim);
    return t;
}

lac_tensor ProblemSize::key_tensor(lac_type type, void *rows, int32_t features) const {
    lac_tensor t = lac::tensor(type, rows, batch, kv_heads, k_tokens, features);
    t.scales = scales_of(type, rows, kv_rows() * features);
    return t;
}

std::vector<float> ProblemSize::out_numbers(const Stored &out, const Stored &v) const {
    if (!dtypes.fixed8()) return numbers(out, dtypes.q);
    std::vector<float> scales;  // of every query head
    const float *of_keys = scales_of(LAC_I8, v.data(), kv_rows() * value_dim);
    for (int64_t unit = 0; unit < units(); unit++)
        scales.push_back(of_keys[unit / (heads / kv_heads)]);
    return fixed8_numbers(out, scales.data(), static_cast<size_t>(q_tokens) * value_dim);
}

int64_t Problem::attended_pairs() const { return lac_plan_attended_pairs(attention_.plan()); }

double Problem::plan_microseconds() const {
    const lac_kernel &kernel = attention_.kernel();
    size_t bytes = 0;
    lac::check(lac_plan_bytes(&kernel, &pattern_, &shape_, &bytes));
    const lac::Memory memory(bytes);
    return best_microseconds([&] {
        const lac_plan *plan = nullptr;
        lac::check(lac_plan_bytes(&kernel, &pattern_, &shape_, &bytes));
        lac::check(
            lac_plan_init(&kernel, &pattern_, &shape_, memory.data(), memory.bytes(), &plan));
    });
}

}  // namespace lacuna
