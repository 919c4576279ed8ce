// The ready router as lacuna bench calls it: lists for topk with blocks, and what they cost.
#pragma once
#include <optional>

#include "cli/lists.h"
#include "cli/problem.h"
#include "runtime/include/lacuna/router.h"

namespace lacuna {

class BenchRouter {
public:
    // Data of size's shapes and types. Throws a Failure when the runtime refuses the size.
    BenchRouter(const lac_kernel &kernel, const lac_pattern &pattern, const ProblemSize &size,
                lac_route_method method, int32_t threads, void *q, void *k);
    BenchRouter(const BenchRouter &) = delete;  // args_ holds the pool's address
    BenchRouter &operator=(const BenchRouter &) = delete;

    const lac_lists &route();  // the same every time

private:
    lac_kernel kernel_;
    lac_pattern pattern_;
    std::vector<int32_t> q_starts_;
    lac_shape shape_;
    lac_route_args args_{};
    lac_tensor q_, k_;
    std::optional<lac::Pool> pool_;
    lac::Memory memory_;
    lac_lists lists_{};
};

}  // namespace lacuna
