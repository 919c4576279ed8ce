// A right call of everything, to spoil one argument of.
#pragma once
#include <algorithm>

#include "lacuna/lacuna.hpp"
#include "tests/harness.h"

namespace lacuna {

constexpr uint32_t kUntouched = 0xc0e00000u;  // -7, which Tensors start with

inline void run_in_turn(void *, int32_t count, lac_work work, void *argument) {
    for (int32_t i = 0; i < count; i++) work(argument, i);
}

// The arrays and structs that its pointers refer to are its members; writing to an input faults.
class Trial {
public:
    explicit Trial(const std::string &pattern_text = "window:9+every:4")
        : problem(make_problem()), tensors(problem), pattern(parse(pattern_text)) {
        unsetenv("LACUNA_TIER");
        lac::check(lac_kernel_find(bundle, request_at, &kernel));
        lac::check(lac_plan_bytes(&kernel, &pattern, &shape, &plan_bytes));
        plan_memory = lac::Memory(plan_bytes);
        memory = plan_memory.data();
        lac::check(lac_plan_init(&kernel, &pattern, &shape, memory, plan_bytes, &plan));
        workspace_bytes = lac_workspace_bytes(plan, 2);
        workspace_memory = lac::Memory(workspace_bytes);
        workspace = workspace_memory.data();
        q = tensors.q.view(), k = tensors.k.view(), v = tensors.v.view();
        out = tensors.out.view();
        for (const TestTensor *t : {&tensors.q, &tensors.k, &tensors.v}) t->make_read_only();
        args = {sizeof args, 0,       0,      tensors.log_sum_exp.data(), 2, run_in_turn,
                nullptr,     nullptr, nullptr};
    }

    lac_status find() const { return lac_kernel_find(bundle, request_at, kernel_at); }
    lac_status measure() const {
        return lac_plan_bytes(kernel_at, pattern_at, shape_at, plan_bytes_at);
    }
    lac_status make_plan() const {
        return lac_plan_init(kernel_at, pattern_at, shape_at, memory, plan_bytes, plan_at);
    }
    lac_status attend() const {
        return lac_attention(kernel_at, plan, q_at, k_at, v_at, out_at, args_at, workspace,
                             workspace_bytes);
    }
    bool output_untouched() const {
        const std::vector<uint32_t> out = bits(tensors, problem);
        const std::vector<float> &sums = tensors.log_sum_exp;
        return std::all_of(out.begin(), out.end(), [](uint32_t x) { return x == kUntouched; }) &&
               std::all_of(sums.begin(), sums.end(), [](float x) { return x == -7.0f; });
    }

private:
    static Problem make_problem() {
        Problem p;
        p.batch = 2;
        p.heads = 4;
        p.kv_heads = 2;
        p.q_tokens = 20;
        p.k_tokens = 30;
        return p;
    }

public:
    Problem problem;
    Tensors tensors;
    lac_pattern pattern;
    lac_request request{sizeof(lac_request), LAC_F32, 64, 0, nullptr, {}, {}, {}};
    lac_kernel kernel{};
    int32_t q_lengths[2] = {20, 13}, k_lengths[2] = {30, 25}, q_starts[2] = {10, 5};
    lac_shape shape{sizeof(lac_shape), 2,         4,        2,       20,      30,
                    q_lengths,         k_lengths, q_starts, nullptr, nullptr, 0};
    lac_tensor q{}, k{}, v{}, out{};
    lac_args args{};
    size_t plan_bytes = 0, workspace_bytes = 0;
    lac::Memory plan_memory, workspace_memory;
    const lac_plan *plan = nullptr;
    void *memory = nullptr, *workspace = nullptr;

    const lac_bundle *bundle = &lac_kernels;
    const lac_request *request_at = &request;
    lac_kernel *kernel_at = &kernel;
    const lac_pattern *pattern_at = &pattern;
    const lac_shape *shape_at = &shape;
    const lac_tensor *q_at = &q, *k_at = &k, *v_at = &v, *out_at = &out;
    const lac_args *args_at = &args;
    size_t *plan_bytes_at = &plan_bytes;
    const lac_plan **plan_at = &plan;
};

inline void *shifted(const void *p, ptrdiff_t bytes) {
    return static_cast<uint8_t *>(const_cast<void *>(p)) + bytes;
}

struct Spoilt {
    const char *what;
    lac_status want;
    void (*spoil)(Trial &);
};

}  // namespace lacuna
