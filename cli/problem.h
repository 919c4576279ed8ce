// One attention problem on this machine: kernel, plan, workspace and threads, ready to be called.
#pragma once
#include <optional>
#include <string>

#include "cli/elements.h"
#include "cli/errors.h"
#include "cli/spec.h"
#include "runtime/include/lacuna/lacuna.hpp"

namespace lacuna {

// Tensors in C order, [batch, heads, tokens, features]; all sequences have the same lengths.
struct ProblemSize {
    int32_t batch, heads, kv_heads, q_tokens, k_tokens, head_dim, value_dim;
    int32_t q_start;  // position of every sequence's first query
    Dtypes dtypes{};
    bool own_order = false;  // no query in dense order

    int64_t units() const { return int64_t{batch} * heads; }  // query heads of all sequences
    int64_t rows() const { return int64_t{batch} * heads * q_tokens; }
    int64_t kv_rows() const { return int64_t{batch} * kv_heads * k_tokens; }
    // Of the keys and values that a step of these pairs reads, each once for a KV head.
    size_t step_bytes(int64_t attended_pairs) const;
    // Numbers of K or V that share a scale, if its type has one.
    size_t key_row(int32_t features) const {
        return static_cast<size_t>(features) * (dtypes.fixed8() ? k_tokens : 1);
    }
    // Q, and K or V, as stored_rows() has them.
    lac_tensor query_tensor(void *elements) const;
    lac_tensor key_tensor(lac_type type, void *rows, int32_t features) const;
    // Outputs as numbers; v as key_tensor() takes it.
    std::vector<float> out_numbers(const Stored &out, const Stored &v) const;
    // q_starts: q_start for each sequence.
    lac_shape shape(const int32_t *q_starts, const lac_lists *lists) const {
        return {sizeof(lac_shape), batch,   heads,    kv_heads, q_tokens, k_tokens,
                nullptr,           nullptr, q_starts, lists,    nullptr,  own_order};
    }
};

enum class KeepTest { kMaskWords, kCompiled };

// Compiles the kernel on first use. Throws a Failure when the tier asked for does not exist.
lac_kernel find_kernel(const lac_pattern &pattern, const ProblemSize &size, KeepTest test);
lac_kernel find_kernel(const lac_bundle &bundle, const lac_pattern &pattern,
                       const ProblemSize &size);

// What the runtime's refusal is to a user.
Failure failure_of(const lac::Error &error);

class Problem {
public:
    // Compiles the kernel on first use. Throws a Failure when the tier asked for does not exist
    // or the runtime refuses the size.
    // `lists` are what the pattern's run-time atoms read, checked, or null.
    Problem(const lac_pattern &pattern, const ProblemSize &size, const lac_lists *lists,
            int32_t threads, KeepTest test);
    // The same with kernels that are there.
    Problem(const lac_bundle &bundle, const lac_pattern &pattern, const ProblemSize &size,
            const lac_lists *lists, int32_t threads);
    Problem(const Problem &) = delete;
    Problem &operator=(const Problem &) = delete;

    // Data of size's shapes and types; of args, only scale, softcap and log_sum_exp are used.
    void attend(void *q, void *k, void *v, void *out, lac_args args = {});

    std::string kernel() const { return lac_kernel_name(&attention_.kernel()); }
    std::string tier() const { return lac_kernel_tier(&attention_.kernel()); }
    int64_t attended_pairs() const;  // over all sequences and query heads
    int32_t crossover() const { return lac_plan_crossover(attention_.plan()); }  // 0: none
    size_t workspace_bytes() const { return attention_.workspace_bytes(); }
    double plan_microseconds() const;  // the best of a few runs

private:
    lac_pattern pattern_;
    ProblemSize size_;
    std::vector<int32_t> q_starts_;
    lac_shape shape_;
    lac::Attention attention_;
    std::optional<lac::Pool> pool_;
};

}  // namespace lacuna
