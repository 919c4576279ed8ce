// fixed8 through a cache gives the bits of lac_attention, and the scales of a KV head stay.
#include <gtest/gtest.h>

#include <ostream>

#include "lacuna/rope.h"
#include "tests/fixed8_cached.h"

namespace lacuna {
namespace {

const char *const kPatterns[] = {"dense",
                                 "window:1",
                                 "window:40+sink:4",
                                 "local:30,5",
                                 "every:7+window:16",
                                 "strided:5+window:8",
                                 "dilated:9,4+block:12",
                                 "global:3+window:12",
                                 "heads(0-1=window:9|2-3=dilated:4,4+sink:3)"};
constexpr int kTokens = 300;

Size size_of(const char *pattern, int head_dim = 64, int tokens = kTokens) {
    return {pattern, 2, 4, 2, tokens, tokens, head_dim};
}

struct Results {
    std::vector<int16_t> out;
    std::vector<float> log_sum_exp;
    bool operator==(const Results &o) const { return out == o.out && log_sum_exp == o.log_sum_exp; }
    friend std::ostream &operator<<(std::ostream &to, const Results &r) {
        return to << r.out.size() << " outputs";
    }
};
Results taken(Fixed8 &run) {
    Results r{run.out, run.log_sum_exp};
    std::fill(run.out.begin(), run.out.end(), int16_t{-1});
    std::fill(run.log_sum_exp.begin(), run.log_sum_exp.end(), -7.0f);
    return r;
}
Results stateless(Fixed8 &run) {
    lac::check(run.attend());
    return taken(run);
}
Results in_steps(Fixed8 &run, const std::vector<int> &sizes, const Threads &threads = {},
                 bool planned = false) {
    Fixed8Caches caches(run, *std::max_element(sizes.begin(), sizes.end()));
    for (size_t i = 0; caches.tokens() < run.size.k_tokens; i++) {
        const int count = std::min(sizes[i % sizes.size()], run.size.k_tokens - caches.tokens());
        caches.append(count);
        lac::check(caches.step(count, threads, nullptr, planned));
    }
    return taken(run);
}

class Fixed8CacheOfTier : public testing::TestWithParam<const char *> {
protected:
    void SetUp() override {
        setenv("LACUNA_TIER", GetParam(), 1);
        lac_kernel kernel;
        if (Fixed8({"dense", 1, 1, 1, 1, 1, 64}).find(&kernel) == LAC_NO_TIER)
            GTEST_SKIP() << "not on this CPU";
    }
    void TearDown() override { unsetenv("LACUNA_TIER"); }
};

TEST_P(Fixed8CacheOfTier, GivesTheSameBitsForAnyChunks) {
    const std::vector<std::vector<int>> chunks = {{1}, {kTokens}, {7}, {32}, {1, 1, 1, 40, 3, 90}};
    for (const char *pattern : kPatterns) {
        for (const int head_dim : {20, 64}) {
            Fixed8 run(size_of(pattern, head_dim));
            const Results want = stateless(run);
            for (const auto &sizes : chunks)
                EXPECT_EQ(in_steps(run, sizes), want)
                    << pattern << ", " << head_dim << " in chunks of " << sizes[0] << "…";
        }
    }
}

TEST_P(Fixed8CacheOfTier, GivesTheSameBitsForAnyThreadsAndPlans) {
    for (const char *pattern : {"dense", "window:40+sink:4", "strided:5+window:8"}) {
        Fixed8 run({pattern, 1, 2, 1, 700, 700, 64});
        const Results want = stateless(run);
        for (const int threads : {1, 3, 7}) {
            for (const bool planned : {false, true}) {
                const Threads on{threads, in_reverse, nullptr};
                EXPECT_EQ(in_steps(run, {500, 1, 2, 30}, on, planned), want)
                    << pattern << " on " << threads;
            }
        }
    }
}

INSTANTIATE_TEST_SUITE_P(All, Fixed8CacheOfTier, testing::Values("avx2", "generic"),
                         [](const auto &tier) { return tier.param; });

TEST(Fixed8Cache, TakesBidiPatternsWhole) {
    Fixed8 run(size_of("bidi/local:19,7+global:3", 20, 90));
    const Results want = stateless(run);
    Fixed8Caches caches(run, 50);
    caches.append(50);
    EXPECT_EQ(caches.step(1), LAC_NOT_INCREMENTAL);
    caches.append(40);
    ASSERT_EQ(caches.step(90, {}, nullptr, true), LAC_OK);
    EXPECT_EQ(taken(run), want);
}

TEST(Fixed8Cache, TakesBlocksThatAreListed) {
    Fixed8 run({"mask:blocks,32", 1, 2, 1, 100, 100, 64});
    const int64_t starts[] = {0, 1, 3, 5, 7};
    const int32_t blocks[] = {0, 0, 1, 0, 2, 1, 3};
    lac_lists lists{};
    lists.size = sizeof lists;
    lists.batch = lists.heads = 1, lists.rows = 4, lists.index_count = 7;
    lists.starts = starts, lists.indices = blocks;
    ASSERT_EQ(lac_lists_check(&run.pattern, &run.shape, &lists, nullptr), LAC_OK);
    run.shape.lists = &lists;
    const Results want = stateless(run);
    Fixed8Caches caches(run, 60);
    caches.append(60);
    caches.append(40);
    ASSERT_EQ(caches.step(100, {}, &lists), LAC_OK);
    EXPECT_EQ(taken(run), want);
}

TEST(Fixed8Cache, TakesTreesOfDrafts) {
    const std::vector<uint64_t> tree = {0x1, 0x3, 0x5, 0x1, 0x3, 0x5};
    Fixed8 run({"window:40+sink:4", 2, 4, 2, 3, 150, 64});
    const Results in_order = stateless(run);
    run.shape.tree = tree.data();
    const Results want = stateless(run);
    EXPECT_FALSE(want == in_order);
    Fixed8Caches caches(run, 147);
    caches.append(147);
    caches.append(3);
    ASSERT_EQ(caches.step(3), LAC_OK);
    EXPECT_EQ(taken(run), want);
}

// Drafted tokens of another kind, taken back and replaced, around the ring several times.
TEST(Fixed8Cache, ForgetsWhatIsTakenBack) {
    for (const char *pattern : {"window:40+sink:4", "dilated:9,4+block:12", "dense"}) {
        Fixed8 run(size_of(pattern)), other(size_of(pattern));
        const Results want = stateless(run);
        std::reverse(other.k.units.begin(), other.k.units.end());
        std::reverse(other.v.units.begin(), other.v.units.end());
        Fixed8Caches caches(run, 9, 9);
        while (caches.tokens() < kTokens) {
            const int first = caches.tokens(), drafted = std::min(9, kTokens - first);
            caches.append(drafted, other);
            lac::check(caches.step(drafted));
            for (int b = 0; b < 2; b++) ASSERT_EQ(lac_cache_trim(caches.cache(b), first), LAC_OK);
            const int count = std::min(5, kTokens - first);
            caches.append(count);
            lac::check(caches.step(count));
        }
        EXPECT_EQ(taken(run), want) << pattern;
    }
}

TEST(Fixed8Cache, CopiesAndImagesGoOnWithTheSameBits) {
    for (const char *pattern : {"window:40+sink:4", "every:7+window:16"}) {
        Fixed8 run(size_of(pattern));
        const Results want = stateless(run);
        Fixed8Caches caches(run, 60);
        for (int turn = 0; caches.tokens() < kTokens; turn++) {
            for (int b = 0; b < 2; b++) {
                lac_cache *copy = caches.fork(b);
                std::vector<uint8_t> image(lac_cache_image_bytes(copy)), again(image.size());
                lac::check(lac_cache_save(copy, image.data(), image.size()));
                lac::check(lac_cache_save(caches.cache(b), again.data(), again.size()));
                EXPECT_EQ(image, again);
                if (turn % 2 == 0) {
                    copy = caches.make(0xc7);
                    ASSERT_EQ(lac_cache_load(copy, image.data(), image.size()), LAC_OK);
                }
                caches.replace(b, copy);
            }
            caches.append(60);
            lac::check(caches.step(60));
        }
        EXPECT_EQ(taken(run), want) << pattern;
    }
}

// What is in an image has been written: its bytes do not hang on what the memory held.
TEST(Fixed8Cache, ImagesOfTheSameTokensAreTheSame) {
    for (const int tokens : {0, 1, 75}) {
        Fixed8 run(size_of("dense", 20));
        Fixed8Caches caches(run, 75);
        std::vector<uint8_t> images[2];
        for (int i = 0; i < 2; i++) {
            lac_cache *cache = caches.make(i ? 0x13 : 0xec);
            if (tokens) lac::check(Fixed8Caches::append(cache, run, 0, 0, tokens));
            images[i].resize(lac_cache_image_bytes(cache));
            lac::check(lac_cache_save(cache, images[i].data(), images[i].size()));
        }
        EXPECT_EQ(images[0], images[1]) << tokens << " tokens";
    }
}

// Of each KV head, of K and of V.
TEST(Fixed8Cache, ScalesStayUntilItIsEmpty) {
    Fixed8 run(size_of("dense"));
    Fixed8Caches caches(run, 150);
    caches.append(150);
    caches.append(10);
    taken(run);
    lac::check(caches.step(10));
    const Results want = taken(run);
    for (Rows Fixed8::*const tensor : {&Fixed8::k, &Fixed8::v}) {
        for (const size_t head : {0, 1}) {
            Fixed8 other = run;
            float &scale = (other.*tensor).scales[head];
            scale = std::nextafter(scale, 1.0f);
            EXPECT_EQ(Fixed8Caches::append(caches.cache(0), other, 0, 160, 5), LAC_BAD_SCALE);
        }
    }
    EXPECT_EQ(caches.tokens(), 160);
    lac::check(caches.step(10));
    EXPECT_EQ(taken(run), want);

    for (int b = 0; b < 2; b++) ASSERT_EQ(lac_cache_trim(caches.cache(b), 0), LAC_OK);
    for (float &scale : run.k.scales) scale *= 1.5f;
    for (float &scale : run.v.scales) scale *= 0.5f;
    const Results rescaled = stateless(run);
    caches.append(150);
    lac::check(caches.step(150));
    caches.append(150);
    lac::check(caches.step(150));
    EXPECT_EQ(taken(run), rescaled);
}

TEST(Fixed8Cache, WhatItDoesNotDoIsRefused) {
    Fixed8 run({"dense", 1, 1, 1, 8, 8, 64});
    lac_kernel kernel;
    lac::check(run.find(&kernel));
    lac_cache_options options{sizeof options, 1, 1, 8, 8, 0, nullptr, nullptr, 0};
    size_t bytes = 0;
    const std::vector<float> ones(64, 1.0f);
    options.key_factors = ones.data();
    EXPECT_EQ(lac_cache_bytes(&kernel, &run.pattern, &options, &bytes), LAC_BAD_TYPE);
    options.key_factors = nullptr;
    const std::vector<float> tables(size_t{8} * 32);
    const lac_rope rope{sizeof rope, 64, 0, 8, tables.data(), tables.data()};
    options.rope = &rope;
    EXPECT_EQ(lac_cache_bytes(&kernel, &run.pattern, &options, &bytes), LAC_BAD_TYPE);
    options.rope = nullptr;
    const lac_pattern topk = lac::pattern("topk:4");
    EXPECT_EQ(lac_cache_bytes(&kernel, &topk, &options, &bytes), LAC_NO_KERNEL);
    EXPECT_EQ(lac_cache_bytes(&kernel, &run.pattern, &options, &bytes), LAC_OK);

    Fixed8Caches caches(run, 8);
    lac_tensor k = run.keys(), v = run.values();
    v.scales = nullptr;
    EXPECT_EQ(lac_cache_append(caches.cache(0), &k, &v), LAC_BAD_ARGUMENT);
    v = run.values();
    k.type = LAC_F16;
    EXPECT_EQ(lac_cache_append(caches.cache(0), &k, &v), LAC_BAD_TYPE);
    EXPECT_EQ(caches.tokens(), 0);
    caches.append(8);
    run.args.softcap = 1;
    EXPECT_EQ(caches.step(8), LAC_BAD_ARGUMENT);
    run.args.softcap = 0;
    EXPECT_EQ(caches.step(8), LAC_OK);
}

}  // namespace
}  // namespace lacuna
