// Attention in fixed8 over normal numbers, rounded to 8 bits.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "lac_fixed8.h"
#include "lacuna/lacuna.hpp"

namespace lacuna {

struct Size {
    const char *pattern;
    int batch, heads, kv_heads, q_tokens, k_tokens, head_dim;
};

// [batch, heads, tokens, features] as numbers, as integers, and a scale per `shared` rows.
struct Rows {
    std::vector<float> numbers, scales;
    std::vector<int8_t> units;
    Rows(int rows, int features, int shared, unsigned seed)
        : numbers(static_cast<size_t>(rows) * features), scales(rows / shared) {
        std::mt19937 random(seed);
        std::normal_distribution<float> normal;
        for (float &x : numbers) x = normal(random);
        const size_t many = static_cast<size_t>(shared) * features;
        for (size_t s = 0; s < scales.size(); s++) {
            float most = 0;
            for (size_t i = 0; i < many; i++)
                most = std::max(most, std::abs(numbers[s * many + i]));
            scales[s] = most / 127;
            for (size_t i = 0; i < many; i++)
                units.push_back(
                    static_cast<int8_t>(std::lround(numbers[s * many + i] / scales[s])));
        }
    }
};

template <class T>
lac_tensor view(std::vector<T> &data, lac_type type, const Size &s, int heads, int tokens,
                const float *scales) {
    const int64_t row = static_cast<int64_t>(sizeof(T)) * s.head_dim;
    return {sizeof(lac_tensor),   type,         data.data(), s.batch, heads, tokens, s.head_dim,
            row * tokens * heads, row * tokens, row,         scales,  0,     0};
}

struct Fixed8 {
    Size size;
    Rows q, k, v;
    std::vector<int16_t> out;
    std::vector<float> log_sum_exp;
    lac_pattern pattern{};
    lac_shape shape{};
    lac_args args{};

    explicit Fixed8(const Size &s)
        : size(s),
          q(s.batch * s.heads * s.q_tokens, s.head_dim, 1, 1),
          k(s.batch * s.kv_heads * s.k_tokens, s.head_dim, s.k_tokens, 2),
          v(s.batch * s.kv_heads * s.k_tokens, s.head_dim, s.k_tokens, 3),
          out(q.numbers.size(), -1),
          log_sum_exp(q.scales.size()) {
        EXPECT_EQ(lac_pattern_parse(s.pattern, &pattern, nullptr), LAC_OK);
        shape.size = sizeof shape;
        shape.batch = s.batch, shape.heads = s.heads, shape.kv_heads = s.kv_heads;
        shape.q_tokens = s.q_tokens, shape.k_tokens = s.k_tokens;
        args.size = sizeof args;
        args.log_sum_exp = log_sum_exp.data();
    }
    lac_status attend() {
        lac_kernel kernel;
        if (lac_status e = find(&kernel)) return e;
        lac::Memory memory;
        const lac_plan *plan = nullptr;
        if (lac_status e = make_plan(kernel, shape, &memory, &plan)) return e;
        const lac::Memory workspace(lac_workspace_bytes(plan, std::max(args.threads, 1)));
        const lac_tensor tq = queries(), tk = keys(), tv = values(), to = output();
        return lac_attention(&kernel, plan, &tq, &tk, &tv, &to, &args, workspace.data(),
                             workspace.bytes());
    }
    lac_status find(lac_kernel *kernel) const {
        const lac_request request{sizeof request, LAC_I8, size.head_dim, 0,
                                  nullptr,        LAC_I8, LAC_I8,        {}};
        return lac_kernel_find(&lac_fixed8_kernels, &request, kernel);
    }
    lac_status make_plan(const lac_kernel &kernel, const lac_shape &of, lac::Memory *memory,
                         const lac_plan **plan) const {
        size_t bytes = 0;
        if (lac_status e = lac_plan_bytes(&kernel, &pattern, &of, &bytes)) return e;
        *memory = lac::Memory(bytes);
        return lac_plan_init(&kernel, &pattern, &of, memory->data(), bytes, plan);
    }
    lac_tensor queries() {
        return view(q.units, LAC_I8, size, size.heads, size.q_tokens, q.scales.data());
    }
    lac_tensor keys() {
        return view(k.units, LAC_I8, size, size.kv_heads, size.k_tokens, k.scales.data());
    }
    lac_tensor values() {
        return view(v.units, LAC_I8, size, size.kv_heads, size.k_tokens, v.scales.data());
    }
    lac_tensor output() { return view(out, LAC_I16, size, size.heads, size.q_tokens, nullptr); }
};

}  // namespace lacuna
