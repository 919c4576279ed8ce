#include "cli/bench_router.h"

#include "cli/errors.h"

namespace lacuna {

namespace {

void check(lac_status status) {
    if (status != LAC_OK)
        throw bad_input(std::string("the router refused: ") + lac_status_message(status));
}

}  // namespace

BenchRouter::BenchRouter(const lac_kernel &kernel, const lac_pattern &pattern,
                         const ProblemSize &size, lac_route_method method, int32_t threads, void *q,
                         void *k)
    : kernel_(kernel),
      pattern_(pattern),
      q_starts_(static_cast<size_t>(size.batch), size.q_start),
      shape_(size.shape(q_starts_.data(), nullptr)),
      q_(lac::tensor(size.dtypes.q, q, size.batch, size.heads, size.q_tokens, size.head_dim)),
      k_(lac::tensor(size.dtypes.k, k, size.batch, size.kv_heads, size.k_tokens, size.head_dim)) {
    args_.size = sizeof args_;
    args_.method = method;
    if (threads > 1) {
        pool_.emplace(threads);
        lac_args pooled{};
        pool_->use_in(pooled);
        args_.threads = pooled.threads;
        args_.parallel_for = pooled.parallel_for;
        args_.parallel_context = pooled.parallel_context;
    }
    size_t bytes = 0;
    check(lac_route_bytes(&kernel_, &pattern_, &shape_, &args_, &bytes));
    memory_ = lac::Memory(bytes);
}

const lac_lists &BenchRouter::route() {
    check(lac_route(&kernel_, &pattern_, &shape_, &args_, &q_, &k_, memory_.data(), memory_.bytes(),
                    &lists_));
    return lists_;
}

}  // namespace lacuna
