// A plan and workspace that last over calls, and results to compare bit by bit.
#pragma once
#include <algorithm>

#include "lacuna/lacuna.hpp"
#include "tests/harness.h"

namespace lacuna {

using ResultBits = std::vector<uint32_t>;

inline uint32_t bits_of(float x) {
    uint32_t b = 0;
    std::memcpy(&b, &x, sizeof b);
    return b;
}

// Output and log-sum-exp of the rows of sequence b.
inline ResultBits sequence_bits(Tensors &t, const Problem &p, int b) {
    ResultBits all;
    for (int h = 0; h < p.heads; h++) {
        for (int i = 0; i < p.q_length(b); i++) {
            for (int d = 0; d < p.value_dim; d++) all.push_back(bits_of(t.out.at(b, h, i, d)));
            const size_t row = (static_cast<size_t>(b) * p.heads + h) * p.q_tokens + i;
            all.push_back(bits_of(t.log_sum_exp[row]));
        }
    }
    return all;
}

inline ResultBits all_bits(Tensors &t, const Problem &p) {
    ResultBits all;
    for (int b = 0; b < p.batch; b++)
        for (const uint32_t x : sequence_bits(t, p, b)) all.push_back(x);
    return all;
}

inline void clear_output(Tensors &t) {
    t.out.fill_with(-7.0f);
    std::fill(t.log_sum_exp.begin(), t.log_sum_exp.end(), -7.0f);
}

// Nothing, or how many values differ and where the first lies.
inline std::string difference(const ResultBits &a, const ResultBits &b) {
    if (a.size() != b.size()) return "the sizes differ";
    size_t count = 0, first = 0;
    for (size_t i = a.size(); i-- > 0;)
        if (a[i] != b[i]) count++, first = i;
    if (count == 0) return "";
    return std::to_string(count) + " of " + std::to_string(a.size()) + " values, the first at " +
           std::to_string(first);
}

struct Threads {
    int32_t count = 1;
    lac_parallel_for run = nullptr;
    void *context = nullptr;
};

// One worker after another, the last first: the hardest order that a parallel_for may choose.
inline void in_reverse(void *, int32_t count, lac_work work, void *argument) {
    for (int32_t i = count; i-- > 0;) work(argument, i);
}

struct Views {
    explicit Views(Tensors &t)
        : q(t.q.view()),
          k(t.k.view()),
          v(t.v.view()),
          out(t.out.view()),
          log_sum_exp(t.log_sum_exp.data()) {}
    lac_tensor q, k, v, out;
    float *log_sum_exp;
};

// A plan and a workspace that lasts over calls, full of something else each time: what a call reads
// before it wrote it must show.
class Planned {
public:
    Planned(const lac_kernel &kernel, const Problem &p, const Threads &threads)
        : kernel_(kernel),
          threads_(threads),
          scale_(p.scale),
          softcap_(p.softcap),
          sinks_(p.sink_logits),
          slopes_(p.alibi_slopes) {
        const lac_pattern pattern = parse(p.pattern);
        const lac_shape shape = p.shape();
        size_t bytes = 0;
        lac::check(lac_plan_bytes(&kernel, &pattern, &shape, &bytes));
        plan_memory_ = lac::Memory(bytes);
        lac::check(lac_plan_init(&kernel, &pattern, &shape, plan_memory_.data(), bytes, &plan_));
        workspace_ = lac::Memory(lac_workspace_bytes(plan_, threads.count));
        static int made = 0;
        const int fills[] = {0xff, 0x3d, 0xc0, 0x41, 0x00};
        std::memset(workspace_.data(), fills[made++ % std::size(fills)], workspace_.bytes());
    }
    const lac_plan *plan() const { return plan_; }
    void call(const Views &v) {
        const lac_args args{sizeof(lac_args),
                            scale_,
                            softcap_,
                            v.log_sum_exp,
                            threads_.count,
                            threads_.run,
                            threads_.context,
                            sinks_.empty() ? nullptr : sinks_.data(),
                            slopes_.empty() ? nullptr : slopes_.data()};
        lac::check(lac_attention(&kernel_, plan_, &v.q, &v.k, &v.v, &v.out, &args,
                                 workspace_.data(), workspace_.bytes()));
    }

private:
    lac_kernel kernel_;
    Threads threads_;
    float scale_, softcap_;
    std::vector<float> sinks_, slopes_;
    lac::Memory plan_memory_, workspace_;
    const lac_plan *plan_ = nullptr;
};

inline ResultBits result(const lac_kernel &kernel, const Problem &p, Tensors &t,
                         const Threads &threads) {
    clear_output(t);
    Planned(kernel, p, threads).call(Views(t));
    return all_bits(t, p);
}

}  // namespace lacuna
