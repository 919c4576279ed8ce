// Every kernel on every tier this CPU runs, against the oracle.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "tests/agree.h"
#include "tests/kernel_params.h"

namespace lacuna {
namespace {

const char *const kPatterns[] = {"dense",
                                 "window:256",
                                 "window:1",
                                 "window:7+every:4",
                                 "bidi/dense",
                                 "bidi/window:20",
                                 "local:30,5",
                                 "bidi/local:10,25",
                                 "every:3",
                                 "strided:5",
                                 "dilated:6,3",
                                 "bidi/dilated:5,4",
                                 "sink:9",
                                 "block:10",
                                 "global:3+window:12",
                                 "bidi/global:5+local:8,8",
                                 "window:16+strided:8+sink:2",
                                 "bidi/block:32+every:16",
                                 "strided:4+dilated:3,6+window:5",
                                 "bidi/bigbird:16,3,2,2",
                                 "bigbird:8,3,2,1,7+sink:3",
                                 "bidi/every:9+bigbird:5,1,3,0,1",
                                 "mask:csr+window:6",
                                 "bidi/mask:csr",
                                 "mask:blocks,9+sink:2",
                                 "mask:pairs",
                                 "bidi/every:7+mask:pairs",
                                 "bidi/global:list+local:6,6",
                                 "topk:19,cap=30",
                                 "topk:40,tile=16",
                                 "topk:24,tile=5,block=8+window:3"};

struct Lengths {
    int q, k;
};
const Lengths kLengths[] = {{1, 1},   {1, 7},    {2, 2},     {5, 17},  {16, 16},  {17, 17},
                            {33, 40}, {48, 100}, {100, 100}, {1, 300}, {257, 257}};
struct Heads {
    int q, kv;
};
const Heads kHeads[] = {{1, 1}, {2, 1}, {3, 1}, {4, 2}, {5, 5}, {16, 1}, {14, 2}};

// How many cases each cell of the grid ran: a cell that ran none is a failure, not a pass.
std::map<std::string, std::map<std::string, int>> &cases() {
    static std::map<std::string, std::map<std::string, int>> counts;
    return counts;
}

class GridIsFull : public testing::Environment {
public:
    void TearDown() override {
        if (testing::GTEST_FLAG(filter) != "*") return;
        const std::vector<std::string> tiers = runnable_tiers();
        ASSERT_FALSE(tiers.empty());
        for (int i = 0; i < lac_kernels.kernel_count; i++) {
            const lac_kernel_entry &e = lac_kernels.kernels[i];
            for (const std::string &tier : tiers)
                EXPECT_GE(cases()[e.name][tier], 20) << e.name << " on " << tier;
            for (int v = 0; i == 0 && v < e.variant_count; v++)
                if (!std::count(tiers.begin(), tiers.end(), e.variants[v].tier))
                    printf("NOT RUN HERE: tier %s, which this CPU lacks\n", e.variants[v].tier);
        }
    }
};
const auto *const kGrid = testing::AddGlobalTestEnvironment(new GridIsFull);

class EveryKernel : public testing::TestWithParam<KernelOnTier> {
protected:
    static const lac_kernel_entry &entry() { return lac_kernels.kernels[std::get<0>(GetParam())]; }
    static lac_kernel kernel() { return find_kernel(entry(), std::get<1>(GetParam())); }
    static Problem problem() {
        Problem p;
        fit(p, entry());
        return p;
    }
    static const lac_kernel_entry &any_pattern() { return general_kernel(problem()); }
    // The kernel's own pattern, or the i-th of the list.
    static std::string pattern(int i) {
        if (!entry().pattern) return kPatterns[static_cast<size_t>(i) % std::size(kPatterns)];
        char text[256];
        lac_pattern_text(entry().pattern, text, sizeof text);
        return text;
    }
    static void expect_right(const Problem &p) {
        cases()[entry().name][std::get<1>(GetParam())]++;
        Tensors t(p);
        expect_agrees(kernel(), p, t);
    }
};

TEST_P(EveryKernel, AgreesWithTheOracleAtOddShapes) {
    int i = std::get<0>(GetParam());
    for (const Lengths &n : kLengths) {
        for (int repeat = 0; repeat < 3; repeat++, i++) {
            Problem p = problem();
            p.pattern = pattern(i);
            const Heads &h = kHeads[static_cast<size_t>(i) % std::size(kHeads)];
            p.heads = h.q;
            p.kv_heads = h.kv;
            p.q_tokens = n.q;
            p.k_tokens = n.k;
            p.seed = static_cast<unsigned>(i);
            p.order = static_cast<Order>(i % 4);
            p.flush = i % 2 ? Flush::kFront : Flush::kBack;
            const int list_heads[] = {1, h.kv, h.q};
            if (reads_lists(parse(p.pattern))) give_lists(p, list_heads[repeat], false);
            expect_right(p);
        }
    }
}

TEST_P(EveryKernel, TakesBatchesOfOwnLengths) {
    Problem p = problem();
    p.pattern = pattern(3);
    p.batch = 3;
    p.heads = 4;
    p.kv_heads = 2;
    p.q_tokens = 40;
    p.k_tokens = 70;
    p.q_lengths = {40, 0, 13};
    p.k_lengths = {70, 5, 29};
    p.q_starts = {30, 2, 7};
    p.order = Order::kTokensFirst;
    Tensors t(p);
    ASSERT_EQ(run(kernel(), p, t), LAC_OK);
    const Judgement j = judge(p, t);
    EXPECT_LE(j.error_ratio, 1.0);
    EXPECT_LE(j.log_sum_exp_error, 2e-6);
    for (int d = 0; d < p.value_dim; d++) {
        EXPECT_EQ(t.out.at(1, 3, 0, d), -7.0f) << "a row past its sequence was written";
        EXPECT_EQ(t.out.at(2, 0, 13, d), -7.0f) << "a row past its sequence was written";
    }
}

TEST_P(EveryKernel, ScalesAndCaps) {
    for (const float softcap : {0.0f, 5.0f, 50.0f}) {
        for (const float scale : {0.0f, 0.3f, -0.05f}) {
            Problem p = problem();
            p.pattern = pattern(1);
            p.q_tokens = p.k_tokens = 50;
            p.softcap = softcap;
            p.scale = scale;
            p.magnitude = 3;
            expect_right(p);
        }
    }
}

TEST_P(EveryKernel, StaysFiniteWithLogitsOfTenThousand) {
    for (const bool capped : {false, true}) {
        Problem p = problem();
        p.pattern = pattern(0);
        p.q_tokens = p.k_tokens = 40;
        p.magnitude = 1e4f;  // scores of up to ±1e4 and more
        p.softcap = capped ? 30.0f : 0.0f;
        expect_right(p);
    }
}

TEST_P(EveryKernel, MaskedKeysChangeNoBit) {
    Problem p = problem();
    p.pattern = entry().pattern ? pattern(0) : "window:9";
    p.q_tokens = 30;
    p.k_tokens = 75;
    Tensors clean(p);
    ASSERT_EQ(run(kernel(), p, clean), LAC_OK);
    const lac_pattern pattern = parse(p.pattern);
    const lac_shape shape = p.shape();
    int poisoned = 0;
    Tensors poison(p);
    for (int k = 0; k < p.k_tokens; k++) {
        bool seen = false;
        for (int q = 0; q < p.q_tokens; q++)
            seen |= lac_pattern_attends(&pattern, &shape, 0, 0, p.q_start(0) + q, k) != 0;
        if (seen) continue;
        poisoned++;
        for (int d = 0; d < p.head_dim; d++) poison.k.at(0, 0, k, d) = NAN;
        for (int d = 0; d < p.value_dim; d++)
            poison.v.at(0, 0, k, d) = d % 2 ? std::numeric_limits<float>::infinity() : NAN;
    }
    ASSERT_EQ(run(kernel(), p, poison), LAC_OK);
    EXPECT_EQ(bits(clean, p), bits(poison, p)) << poisoned << " keys were poisoned";
}

// A key that some rows see and others do not: only those who see it may notice.
TEST_P(EveryKernel, PoisonReachesOnlyRowsThatKeepIt) {
    Problem p = problem();
    p.pattern = pattern(1);
    p.q_tokens = p.k_tokens = 60;
    Tensors clean(p);
    ASSERT_EQ(run(kernel(), p, clean), LAC_OK);
    const lac_pattern pattern = parse(p.pattern);
    const lac_shape shape = p.shape();
    for (const bool in_keys : {false, true}) {
        Tensors poison(p);
        const int bad = 37;
        if (in_keys)
            poison.k.at(0, 0, bad, 2) = NAN;
        else
            poison.v.at(0, 0, bad, 2) = std::numeric_limits<float>::infinity();
        ASSERT_EQ(run(kernel(), p, poison), LAC_OK);
        for (int q = 0; q < p.q_tokens; q++) {
            const bool kept = lac_pattern_attends(&pattern, &shape, 0, 0, q, bad) != 0;
            for (int d = 0; d < p.value_dim; d++) {
                const float got = poison.out.at(0, 0, q, d);
                // Integers share a scale, and so a row of V what is not finite.
                if (kept && (in_keys || d == 2 || p.value_type == LAC_I8))
                    EXPECT_FALSE(std::isfinite(got)) << "row " << q << " feature " << d;
                else
                    EXPECT_EQ(got, clean.out.at(0, 0, q, d)) << "row " << q << " feature " << d;
            }
        }
    }
}

// A compiled pattern and mask words say the same of every pair.
TEST_P(EveryKernel, CompiledPatternEqualsMaskWordsBitForBit) {
    if (!entry().pattern) return;
    for (const Lengths &n : kLengths) {
        Problem p = problem();
        p.pattern = pattern(0);
        p.heads = 4;
        p.kv_heads = 2;
        p.q_tokens = n.q;
        p.k_tokens = n.k;
        Tensors compiled(p), words(p);
        ASSERT_EQ(run(kernel(), p, compiled), LAC_OK);
        ASSERT_EQ(run(find_kernel(any_pattern(), std::get<1>(GetParam())), p, words), LAC_OK);
        EXPECT_EQ(bits(compiled, p), bits(words, p)) << p.describe();
    }
}

INSTANTIATE_TEST_SUITE_P(All, EveryKernel,
                         kernels_on_tiers([](const lac_kernel_entry &) { return true; }),
                         kernel_on_tier_name);

}  // namespace
}  // namespace lacuna
