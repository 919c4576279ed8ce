// Tensors of other types, and how far results lie from attention in float64.
#pragma once
#include <cmath>
#include <vector>

#include "tests/harness.h"
#include "tests/oracle.h"

namespace lacuna {

// Rounded to the type of `to`, a tensor of the same shape.
inline void copy_elements(const TestTensor &from, const TestTensor &to) {
    const lac_tensor &t = from.view();
    for (int i = 0; i < t.batch * t.heads * t.tokens; i++) {
        const int n = i % t.tokens, h = i / t.tokens % t.heads, b = i / t.tokens / t.heads;
        for (int d = 0; d < t.features; d++)
            to.at(b, h, n, d) = static_cast<float>(from.at(b, h, n, d));
    }
}

// All heads of the first sequence, head by head: of t.q, t.k and t.v, whatever their types.
inline std::vector<double> exact_output(const Problem &p, const Tensors &t) {
    const lac_pattern pattern = parse(p.pattern);
    const lac_shape shape = p.shape();
    std::vector<double> all;
    for (int h = 0; h < p.heads; h++) {
        const OracleInput in{
            &pattern,   &shape, 0,          h,           p.q_tokens,
            p.k_tokens, 0,      p.head_dim, p.value_dim, 1 / std::sqrt(double(p.head_dim))};
        const int kv = h / (p.heads / p.kv_heads);
        const OracleOutput o =
            oracle(in, t.q.rows(0, h, p.q_tokens).data(), t.k.rows(0, kv, p.k_tokens).data(),
                   t.v.rows(0, kv, p.k_tokens).data());
        all.insert(all.end(), o.out.begin(), o.out.end());
    }
    return all;
}

// What a call wrote, in the same order.
inline std::vector<double> output_of(const Problem &p, const Tensors &t) {
    std::vector<double> all;
    for (int h = 0; h < p.heads; h++)
        for (const float x : t.out.rows(0, h, p.q_tokens)) all.push_back(x);
    return all;
}

}  // namespace lacuna
