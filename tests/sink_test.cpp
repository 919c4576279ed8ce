// Learned sinks: a logit more in the denominator, and nothing else.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/cached.h"

namespace lacuna {
namespace {

Problem problem(const std::string &pattern) {
    Problem p;
    p.pattern = pattern;
    p.heads = 6;
    p.kv_heads = 2;
    p.q_tokens = p.k_tokens = 130;
    return p;
}
const std::vector<float> kLogits{-3.0f, 0.0f, 0.5f, 2.0f, 8.0f, -40.0f};

class Sinks : public testing::TestWithParam<std::string> {
protected:
    static lac_kernel kernel() { return find_kernel(general_kernel(), GetParam()); }
};

// With weights w and no sink, out = sum(w v) / sum(w): a sink of s scales it by
// 1 / (1 + exp(s - log sum(w))), and adds to the sum.
TEST_P(Sinks, ScaleARowByWhatTheyLeave) {
    for (const char *pattern : {"dense", "window:20", "window:8+strided:16",
                                "heads(0=window:4|1-5=every:9)", "every:40"}) {
        Problem p = problem(pattern);
        p.softcap = 5;
        Tensors t(p);
        result(kernel(), p, t, {});
        std::vector<float> plain;
        const auto each = [&](auto visit) {
            for (int h = 0; h < p.heads; h++)
                for (int i = 0; i < p.q_tokens; i++) visit(h, i);
        };
        each([&](int h, int i) {
            for (int d = 0; d < p.value_dim; d++) plain.push_back(t.out.at(0, h, i, d));
        });
        const std::vector<float> sums = t.log_sum_exp;
        p.sink_logits = kLogits;
        result(kernel(), p, t, {});
        size_t next = 0;
        each([&](int h, int i) {
            const size_t row = static_cast<size_t>(h) * p.q_tokens + i;
            const double s = kLogits[h], before = sums[row];
            const double kept = 1 / (1 + std::exp(s - before));
            for (int d = 0; d < p.value_dim; d++) {
                ASSERT_NEAR(t.out.at(0, h, i, d), plain[next] * kept,
                            2e-6 * std::max(1.0, std::fabs(kept * plain[next])))
                    << pattern << " head " << h << " row " << i;
                next++;
            }
            const double after = std::log(std::exp(s) + std::exp(before));
            ASSERT_NEAR(t.log_sum_exp[row], after, 4e-6 * std::max(1.0, std::fabs(after)));
        });
    }
}

TEST_P(Sinks, AreTheSameThroughTheCacheAndForAnyThreads) {
    for (const char *pattern : {"dense", "window:20+sink:3", "window:8+strided:16"}) {
        Problem p = problem(pattern);
        p.sink_logits = kLogits;
        Tensors t(p);
        const ResultBits want = result(kernel(), p, t, {});
        EXPECT_EQ(difference(result(kernel(), p, t, {3, in_reverse, nullptr}), want), "");
        clear_output(t);
        Cached cache(kernel(), p.pattern, options_of(p, 17, 0));
        while (cache.tokens() < p.k_tokens) {
            const int count = std::min(17, p.k_tokens - cache.tokens());
            lac::check(cache.append(t, 0, count));
            lac::check(step({&cache}, p, t, {count}, {}));
        }
        EXPECT_EQ(difference(all_bits(t, p), want), "") << pattern;
    }
}

TEST_P(Sinks, AreFinite) {
    for (const float bad : {std::numeric_limits<float>::infinity(), std::nanf(""), 3e38f}) {
        Problem p = problem("dense");
        Tensors t(p);
        p.sink_logits = kLogits;
        p.sink_logits[3] = bad;
        EXPECT_THROW(result(kernel(), p, t, {}), lac::Error);
    }
}

INSTANTIATE_TEST_SUITE_P(All, Sinks, testing::ValuesIn(runnable_tiers()),
                         [](const auto &tier) { return tier.param; });

}  // namespace
}  // namespace lacuna
