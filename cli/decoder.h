// Sequences in caches on this machine: appended chunk by chunk, attended step by step.
#pragma once
#include <vector>

#include "cli/problem.h"
#include "runtime/include/lacuna/cache.h"

namespace lacuna {

class Decoder {
public:
    // Caches for size.batch sequences of size.k_tokens, taken in chunks of size.q_tokens. Compiles
    // the kernel on first use. Throws a Failure when the tier asked for does not exist or the
    // runtime refuses the size.
    Decoder(const lac_pattern &pattern, const ProblemSize &size, int32_t threads, KeepTest test);
    Decoder(const lac_kernel &kernel, const lac_pattern &pattern, const ProblemSize &size,
            int32_t threads);
    Decoder(const Decoder &) = delete;
    Decoder &operator=(const Decoder &) = delete;

    int32_t tokens() const { return tokens_; }
    // Appends tokens first…first+count-1 of every sequence; k and v have size's shapes and types.
    void append(void *k, void *v, int32_t count);
    // Plans a step with the last `queries` tokens of all sequences; steps keep to the plan.
    void plan(int32_t queries);
    // q and out are [batch, heads, queries, head size]; of args, scale, softcap and log_sum_exp.
    void step(const lac_tensor &q, const lac_tensor &out, lac_args args = {});
    void step(void *q, void *out);  // in C order

    std::string kernel() const { return lac_kernel_name(&kernel_); }
    std::string tier() const { return lac_kernel_tier(&kernel_); }
    int64_t attended_pairs() const { return lac_plan_attended_pairs(plan_); }
    lac_cache_state state() const;  // of the first sequence
    size_t cache_bytes() const { return caches_.size() * cache_bytes_; }
    size_t workspace_bytes() const { return workspace_.bytes(); }
    double plan_microseconds() const;  // the best of a few runs

private:
    lac_shape shape() const;

    ProblemSize size_;
    lac_pattern pattern_;
    lac_kernel kernel_;
    size_t cache_bytes_ = 0;
    std::vector<lac::Memory> memory_;
    std::vector<lac_cache *> caches_;
    int32_t tokens_ = 0, queries_ = 0;
    std::optional<lac::Pool> pool_;
    int32_t threads_;
    lac::Memory plan_memory_, workspace_;
    const lac_plan *plan_ = nullptr;
};

}  // namespace lacuna
