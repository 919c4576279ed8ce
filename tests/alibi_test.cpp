// ALiBi: what is taken from scores by the distance of their keys, and the usual slopes.
#include <gtest/gtest.h>

#include "tests/cached.h"
#include "tests/kernel_params.h"

namespace lacuna {
namespace {

Problem problem(const std::string &pattern) {
    Problem p;
    p.pattern = pattern;
    p.heads = 6;
    p.kv_heads = 2;
    p.q_tokens = p.k_tokens = 150;
    p.alibi_slopes.resize(6);
    lac::check(lac_alibi_slopes(6, p.alibi_slopes.data()));
    return p;
}

class Alibi : public testing::TestWithParam<KernelOnTier> {
protected:
    static lac_kernel kernel_for(Problem &p) {
        const lac_kernel_entry &e = lac_kernels.kernels[std::get<0>(GetParam())];
        fit(p, e);
        return find_kernel(e, std::get<1>(GetParam()));
    }
    static void expect_right(Problem p) {
        const lac_kernel kernel = kernel_for(p);
        Tensors t(p);
        lac::check(run(kernel, p, t));
        const Judgement j = judge(p, t);
        EXPECT_LE(j.error_ratio, 1) << p.describe();
        EXPECT_LE(j.log_sum_exp_error, 2e-6) << p.describe();
    }
};

TEST_P(Alibi, TakesSlopesTimesDistances) {
    for (const char *pattern :
         {"dense", "window:20+sink:3", "every:7", "dilated:9,4", "window:8+strided:16",
          "bidi/dense", "bidi/local:30,9+global:2", "heads(0=window:4|1-5=every:9)"})
        expect_right(problem(pattern));
}

TEST_P(Alibi, OfListedKeys) {
    for (const char *pattern : {"topk:40", "mask:csr", "mask:pairs", "mask:blocks,16+window:9"}) {
        Problem p = problem(pattern);
        give_lists(p, p.heads, false);
        expect_right(p);
    }
}

TEST_P(Alibi, AfterSoftcapAndBesideSinks) {
    Problem p = problem("window:50");
    p.softcap = 3;
    expect_right(p);
    p.alibi_slopes = {0, 1, -0.25f, 0.5f, 1e-3f, 2};
    expect_right(p);
}

TEST_P(Alibi, TheSameBitsThroughACache) {
    for (const char *pattern : {"dense", "window:20+sink:3", "window:8+strided:16"}) {
        Problem p = problem(pattern);
        const lac_kernel kernel = kernel_for(p);
        Tensors t(p);
        const ResultBits want = result(kernel, p, t, {});
        clear_output(t);
        Cached cache(kernel, pattern, options_of(p, 7, 0));
        while (cache.tokens() < p.k_tokens) {
            const int count = std::min(7, p.k_tokens - cache.tokens());
            lac::check(cache.append(t, 0, count));
            lac::check(step({&cache}, p, t, {count}, {3, in_reverse, nullptr}));
        }
        EXPECT_EQ(difference(all_bits(t, p), want), "") << pattern;
    }
}

bool chosen(const lac_kernel_entry &e) {
    return !e.pattern && (e.head_dim == 64 || e.head_dim == 20);
}

INSTANTIATE_TEST_SUITE_P(Kernels, Alibi, kernels_on_tiers(chosen), kernel_on_tier_name);

TEST(AlibiCompiled, TakesSlopesTimesDistances) {
    for (int i = 0; i < lac_kernels.kernel_count; i++) {
        const lac_kernel_entry &e = lac_kernels.kernels[i];
        if (!e.pattern) continue;
        char text[256];
        lac_pattern_text(e.pattern, text, sizeof text);
        Problem p = problem(text);
        fit(p, e);
        for (const std::string &tier : runnable_tiers()) {
            Tensors t(p);
            lac::check(run(find_kernel(e, tier), p, t));
            EXPECT_LE(judge(p, t).error_ratio, 1) << tier << " " << p.describe();
        }
    }
}

// The paper's eight, and for 12 heads those of 8 and every other one of 16.
TEST(AlibiSlopes, AreThePapers) {
    std::vector<float> slopes(12);
    lac::check(lac_alibi_slopes(8, slopes.data()));
    for (int h = 0; h < 8; h++) EXPECT_EQ(slopes[h], std::ldexp(1.0f, -1 - h));
    lac::check(lac_alibi_slopes(12, slopes.data()));
    for (int h = 0; h < 8; h++) EXPECT_EQ(slopes[h], std::ldexp(1.0f, -1 - h));
    for (int h = 8; h < 12; h++) EXPECT_FLOAT_EQ(slopes[h], std::exp2(-0.5f - float(h - 8)));
    lac::check(lac_alibi_slopes(1, slopes.data()));
    EXPECT_EQ(slopes[0], 0x1p-8f);
    EXPECT_EQ(lac_alibi_slopes(0, slopes.data()), LAC_BAD_SHAPE);
    EXPECT_EQ(lac_alibi_slopes(4, nullptr), LAC_BAD_ARGUMENT);
}

}  // namespace
}  // namespace lacuna
