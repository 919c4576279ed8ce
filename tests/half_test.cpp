// Kernels made for arithmetic in f16: which a request finds, how far they are off, and what they do
// where f16 ends.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/agree.h"
#include "tests/cached.h"
#include "tests/kernel_params.h"

namespace lacuna {
namespace {

Problem halves(const std::string &pattern, int heads, int kv_heads, int tokens, int head_dim = 64) {
    Problem p;
    p.pattern = pattern;
    p.heads = heads;
    p.kv_heads = kv_heads;
    p.q_tokens = p.k_tokens = tokens;
    p.head_dim = p.value_dim = head_dim;
    p.key_type = p.value_type = LAC_F16;
    p.arithmetic = LAC_F16;
    return p;
}
Problem in_f32(Problem p) {
    p.arithmetic = LAC_F32;
    return p;
}

class Halves : public testing::TestWithParam<std::string> {
protected:
    static lac_kernel kernel(const Problem &p) {
        return find_kernel(general_kernel(p), GetParam());
    }
    static bool computes_in_halves() {
        return kernel(halves("dense", 1, 1, 1)).variant->arithmetic == LAC_F16;
    }
};

// A bundle with both: the name says which one a request gets.
TEST(HalvesFound, AsTheRequestAsks) {
    const lac_pattern window = parse("window:37");
    const struct {
        int32_t head_dim;
        lac_type type, arithmetic;
        const lac_pattern *pattern;
        const char *name;
    } rows[] = {{64, LAC_F32, LAC_F16, nullptr, "lac_attention_f32_kvf16_d64_af16"},
                {64, LAC_F32, LAC_F32, nullptr, "lac_attention_f32_kvf16_d64"},
                {64, LAC_F32, {}, nullptr, "lac_attention_f32_kvf16_d64"},
                {64, LAC_F32, LAC_F16, &window, "lac_attention_window_37_f32_kvf16_d64_af16"},
                {20, LAC_F16, {}, nullptr, "lac_attention_f16_d20"},
                {72, LAC_F16, {}, nullptr, "lac_attention_f16_d72_af16"}};
    unsetenv("LACUNA_TIER");
    for (const auto &row : rows) {
        const lac_request request{sizeof(lac_request), row.type, row.head_dim, 0,
                                  row.pattern,         LAC_F16,  LAC_F16,      row.arithmetic};
        lac_kernel kernel{};
        ASSERT_EQ(lac_kernel_find(&lac_kernels, &request, &kernel), LAC_OK) << row.name;
        EXPECT_STREQ(lac_kernel_name(&kernel), row.name);
    }
    const lac_request none{sizeof(lac_request), LAC_F16, 72, 0, nullptr, {}, {}, LAC_F32};
    lac_kernel kernel{};
    EXPECT_EQ(lac_kernel_find(&lac_kernels, &none, &kernel), LAC_NO_KERNEL);
}

// Tiers that cannot give the bits of the kernel that was made for f32; the others have others.
TEST_P(Halves, AreF32WhereTheTierHasNone) {
    EXPECT_EQ(computes_in_halves(), GetParam() != "neon");
    const Problem p = halves("window:20+sink:4", 4, 2, 70);
    Tensors t(p);
    const ResultBits want = result(kernel(in_f32(p)), p, t, {});
    EXPECT_EQ(difference(result(kernel(p), p, t, {}), want) == "", !computes_in_halves());
}

// A query of 8 heads over 2,048 keys of 128 features.
TEST_P(Halves, AreRightToThreeDigits) {
    Problem p = halves("dense", 8, 8, 2048, 128);
    p.q_tokens = 1;
    Tensors t(p), exact(p);
    expect_agrees(kernel(p), p, t);
    expect_agrees(kernel(in_f32(p)), in_f32(p), exact);
    std::vector<double> got, want;
    double largest = 0;
    for (int h = 0; h < p.heads; h++)
        for (int d = 0; d < p.value_dim; d++) {
            got.push_back(t.out.at(0, h, 0, d));
            want.push_back(exact.out.at(0, h, 0, d));
            largest = std::max(largest, std::abs(got.back() - want.back()));
        }
    const double error = nmse(want, got);
    std::printf("%s: NMSE %.2g, largest error %.2g\n", GetParam().c_str(), error, largest);
    EXPECT_LE(error, 3e-6);
    EXPECT_LE(largest, 3e-4);
}

TEST_P(Halves, CachesGiveTheSameBitsForAnyChunksAndThreads) {
    for (const char *pattern : {"dense", "window:20+sink:4", "window:16+strided:8"}) {
        const Problem p = halves(pattern, 6, 2, 260);
        const lac_kernel k = kernel(p);
        Tensors t(p);
        const ResultBits want = result(k, p, t, {});
        EXPECT_EQ(difference(result(k, p, t, {3, in_reverse, nullptr}), want), "") << pattern;
        for (const int chunk : {1, 7, 260}) {
            clear_output(t);
            Cached cache(k, p.pattern, options_of(p, chunk, 0));
            while (cache.tokens() < p.k_tokens) {
                const int count = std::min(chunk, p.k_tokens - cache.tokens());
                lac::check(cache.append(t, 0, count));
                lac::check(
                    step({&cache}, p, t, {count}, {chunk == 7 ? 4 : 1, in_reverse, nullptr}));
            }
            EXPECT_EQ(difference(all_bits(t, p), want), "") << pattern << " in chunks of " << chunk;
        }
    }
}

// The largest V there is, kept by every row with equal weights: no sum overflows.
TEST_P(Halves, TakeTheLargestValues) {
    for (const char *pattern : {"dense", "window:9"}) {
        const Problem p = halves(pattern, 4, 2, 90);
        Tensors t(p);
        t.k.fill_with(0);
        t.v.fill_with(65504);
        ASSERT_EQ(run(kernel(p), p, t), LAC_OK);
        for (int i = 0; i < p.q_tokens; i++)
            for (int d = 0; d < p.value_dim; d++)
                ASSERT_NEAR(t.out.at(0, 3, i, d), 65504, 40) << pattern << " row " << i;
    }
}

// Products of Q and K up to 2,047, whatever Q is; beyond, rows are NaN, never quietly wrong.
TEST_P(Halves, SayWhereScoresEnd) {
    for (const float size : {2040.0f, 60000.0f}) {
        for (const float magnitude : {1e-30f, 1.0f, 1e30f}) {
            Problem p = halves("dense", 2, 1, 40);
            p.scale = 1 / magnitude / size / 16;  // scores up to 4
            Tensors t(p);
            t.q.fill_with(magnitude);
            t.k.fill_with(size);
            ASSERT_EQ(run(kernel(p), p, t), LAC_OK);
            const bool finite = size < 2047 || !computes_in_halves();
            for (int i = 0; i < p.q_tokens; i++)
                ASSERT_EQ(std::isfinite(t.out.at(0, 1, i, 5)), finite) << size << " row " << i;
            if (finite) {
                const Judgement j = judge(p, t);
                EXPECT_LE(j.error_ratio, 1) << size << " times " << magnitude;
            }
        }
    }
}

// A sum that ends at -Inf though the score is -2: its key must not just vanish.
TEST_P(Halves, LoseNoKeyWhoseSumsEnd) {
    Problem p = halves("dense", 1, 1, 40);
    p.scale = 1e-6f;
    Tensors t(p);
    t.q.fill_with(1);
    t.k.fill_with(0);
    for (int d = 0; d < 32; d++) t.k.at(0, 0, 3, d) = -60000.0f;
    ASSERT_EQ(run(kernel(p), p, t), LAC_OK);
    for (int i = 0; i < p.q_tokens; i++)
        ASSERT_EQ(std::isfinite(t.out.at(0, 0, i, 5)), i < 3 || !computes_in_halves()) << i;
}

TEST_P(Halves, BiasAndSinksAreThoseOfF32) {
    Problem p = halves("window:40+every:8", 4, 2, 130);
    p.sink_logits = {0, 1, -2, 3};
    p.alibi_slopes = {0.5f, 0.25f, 0.1f, 0.0f};
    p.softcap = 20;
    Tensors t(p), exact(p);
    ASSERT_EQ(run(kernel(p), p, t), LAC_OK);
    ASSERT_EQ(run(kernel(in_f32(p)), p, exact), LAC_OK);
    for (int h = 0; h < p.heads; h++)
        for (int i = 0; i < p.q_tokens; i++)
            for (int d = 0; d < p.value_dim; d++)
                ASSERT_NEAR(t.out.at(0, h, i, d), exact.out.at(0, h, i, d), 5e-3) << h << " " << i;
}

INSTANTIATE_TEST_SUITE_P(All, Halves, testing::ValuesIn(runnable_tiers()),
                         [](const auto &tier) { return "af16_" + tier.param; });

}  // namespace
}  // namespace lacuna
