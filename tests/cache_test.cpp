// Attention through a cache gives the bits of lac_attention, however tokens come and whatever the
// ring has dropped.
#include <gtest/gtest.h>

#include "runtime/workspace.h"
#include "tests/cached.h"

namespace lacuna {
namespace {

const char *const kPatterns[] = {"dense",
                                 "window:1",
                                 "window:20",
                                 "window:64+sink:4",
                                 "local:30,5",
                                 "every:3",
                                 "every:40+window:16",
                                 "strided:5",
                                 "dilated:6,3",
                                 "sink:9",
                                 "block:10",
                                 "global:3+window:12",
                                 "window:16+strided:8",
                                 "dilated:3,6+window:5+strided:4+sink:20",
                                 "heads(0-2=window:9|3-5=dilated:4,4+sink:3)"};

constexpr int kTokens = 300;

Problem problem(const std::string &pattern, int batch = 1) {
    Problem p;
    p.pattern = pattern;
    p.batch = batch;
    p.heads = 6;
    p.kv_heads = 2;
    p.q_tokens = p.k_tokens = kTokens;
    return p;
}

class CacheOfTier : public testing::TestWithParam<std::string> {
protected:
    static lac_kernel kernel() { return find_kernel(general_kernel(), GetParam()); }
};

// Append and attend in pieces of these sizes, over and over.
ResultBits in_steps(const lac_kernel &kernel, const Problem &p, Tensors &t,
                    const std::vector<int> &sizes, int32_t max_append, const Threads &threads) {
    clear_output(t);
    Cached cache(kernel, p.pattern, options_of(p, max_append, 0));
    for (size_t i = 0; cache.tokens() < p.k_tokens; i++) {
        const int count = std::min(sizes[i % sizes.size()], p.k_tokens - cache.tokens());
        lac::check(cache.append(t, 0, count));
        lac::check(step({&cache}, p, t, {count}, threads));
    }
    return all_bits(t, p);
}

TEST_P(CacheOfTier, GivesTheSameBitsForAnyChunks) {
    for (const char *pattern : kPatterns) {
        const Problem p = problem(pattern);
        Tensors t(p);
        const ResultBits want = result(kernel(), p, t, {});
        const std::vector<std::vector<int>> chunks = {{1},  {kTokens}, {7},
                                                      {16}, {64},      {1, 1, 1, 40, 3, 17, 1, 90}};
        for (const auto &sizes : chunks) {
            const int most = *std::max_element(sizes.begin(), sizes.end());
            EXPECT_EQ(difference(in_steps(kernel(), p, t, sizes, most, {}), want), "")
                << pattern << " in chunks of " << sizes[0] << "…";
        }
    }
}

TEST_P(CacheOfTier, GivesTheSameBitsForAnyThreads) {
    for (const char *pattern : {"dense", "window:20", "window:16+strided:8"}) {
        const Problem p = problem(pattern);
        Tensors t(p);
        const ResultBits want = result(kernel(), p, t, {});
        const lac::Pool pool(3);
        lac_args in_pool{};
        pool.use_in(in_pool);
        for (const Threads &threads :
             {Threads{3, lac_pool_run, in_pool.parallel_context}, Threads{5, in_reverse, nullptr}})
            EXPECT_EQ(difference(in_steps(kernel(), p, t, {1, 30}, 30, threads), want), "")
                << pattern << " on " << threads.count;
    }
}

// Keys and values of the kept type, and of Q's type, rounded on the way in.
TEST_P(CacheOfTier, KeepsAnyType) {
    for (const lac_type type : {LAC_F16, LAC_BF16}) {
        for (const char *pattern : {"window:20+sink:4", "dense", "topk:50"}) {
            Problem p = problem(pattern);
            p.key_type = p.value_type = type;
            if (type == LAC_BF16) p.head_dim = p.value_dim = 80;
            if (pattern[0] == 't') give_lists(p, 1, false);
            const lac_kernel k = find_kernel(general_kernel(p), GetParam());
            Tensors kept(p);
            const ResultBits want = result(k, p, kept, {});
            Problem wide = p;
            wide.key_type = wide.value_type = LAC_F32;
            Tensors t(wide);  // the same numbers, before they are rounded
            EXPECT_EQ(difference(in_one_step(k, p, kept), want), "") << pattern;
            EXPECT_EQ(difference(in_one_step(k, p, t), want), "") << pattern;
        }
    }
}

TEST_P(CacheOfTier, SharesTilesAmongThreads) {
    for (const char *pattern : {"dense", "window:900+sink:40", "every:2"}) {
        Problem p = problem(pattern);
        p.q_tokens = p.k_tokens = 1500;
        p.sink_logits = {0, 1, 2, 3, 4, 5};
        Tensors t(p);
        Cached cache(kernel(), p.pattern, options_of(p, 500, 0));
        while (cache.tokens() < p.k_tokens) lac::check(cache.append(t, 0, 500));
        for (const int queries : {1, 2}) {
            clear_output(t);
            lac::check(step({&cache}, p, t, {queries}, {}));
            const ResultBits want = all_bits(t, p);
            for (const int threads : {3, 4, 7, 40}) {
                clear_output(t);
                lac::check(step({&cache}, p, t, {queries}, {threads, in_reverse, nullptr}));
                EXPECT_EQ(difference(all_bits(t, p), want), "")
                    << pattern << " on " << threads << " threads";
            }
        }
        lac_shape shape = p.shape();
        shape.q_tokens = 1;
        const lac_pattern parsed = parse(pattern);
        size_t bytes = 0;
        lac::check(lac_plan_bytes(&cache.kernel(), &parsed, &shape, &bytes));
        const lac::Memory memory(bytes);
        const lac_plan *plan = nullptr;
        lac::check(lac_plan_init(&cache.kernel(), &parsed, &shape, memory.data(), bytes, &plan));
        EXPECT_GT(Workspace(*plan, 7, false, nullptr).slices(), 1) << pattern;
        EXPECT_EQ(Workspace(*plan, 2, false, nullptr).slices(), 1) << pattern;
    }
}

// Rows that are longer than one fold takes.
TEST_P(CacheOfTier, TakesTurnsOverLongRows) {
    Problem p = problem("dense");
    p.heads = 2;
    p.kv_heads = 1;
    p.q_tokens = p.k_tokens = 2700;
    Tensors t(p);
    const int last = 60;
    const auto attended = [&](int queries) {
        Cached cache(kernel(), p.pattern, options_of(p, 700, 0));
        while (cache.tokens() < p.k_tokens - last)
            lac::check(cache.append(t, 0, std::min(700, p.k_tokens - last - cache.tokens())));
        clear_output(t);
        while (cache.tokens() < p.k_tokens) {
            lac::check(cache.append(t, 0, queries));
            lac::check(step({&cache}, p, t, {queries}, {}));
        }
        return all_bits(t, p);
    };
    EXPECT_EQ(difference(attended(last), attended(1)), "");
}

TEST_P(CacheOfTier, AttendsManyOfAnyLengthInOneStep) {
    for (const char *pattern : {"dense", "window:20+sink:4", "window:16+strided:8"}) {
        Problem p = problem(pattern, 3);
        p.q_lengths = p.k_lengths = {kTokens, 37, 110};
        Tensors t(p);
        const ResultBits want = result(kernel(), p, t, {});
        clear_output(t);
        std::vector<std::unique_ptr<Cached>> caches;
        for (int b = 0; b < p.batch; b++)
            caches.push_back(
                std::make_unique<Cached>(kernel(), p.pattern, options_of(p, kTokens, 0)));
        for (int turn = 0; turn < 4; turn++) {
            std::vector<const Cached *> all;
            std::vector<int32_t> queries;
            for (int b = 0; b < p.batch; b++) {
                const int left = p.k_lengths[b] - caches[b]->tokens();
                const int count = turn == 3 ? left : std::min(left, 5 + 9 * b + turn);
                if (count > 0) lac::check(caches[b]->append(t, b, count));
                all.push_back(caches[b].get());
                queries.push_back(count);
            }
            ASSERT_EQ(step(all, p, t, queries, {}), LAC_OK);
        }
        EXPECT_EQ(difference(all_bits(t, p), want), "") << pattern;
    }
}

TEST_P(CacheOfTier, PoisonInDroppedAndUnseenKeysChangesNoBit) {
    for (const char *pattern : {"window:20+sink:3", "every:40+window:16", "dilated:6,3"}) {
        const Problem p = problem(pattern);
        Tensors t(p);
        const ResultBits want = result(kernel(), p, t, {});
        const float poison = std::numeric_limits<float>::quiet_NaN();
        const lac_pattern parsed = parse(pattern);
        // Keys that no query of the last 100 sees.
        for (int k = 0; k < kTokens; k++)
            if (!retained(parsed, k, kTokens - 100))
                for (int h = 0; h < p.kv_heads; h++)
                    t.k.at(0, h, k, 1) = t.v.at(0, h, k, 2) = poison;
        const ResultBits got = in_steps(kernel(), p, t, {1, 13}, 13, {});
        const size_t row = static_cast<size_t>(p.value_dim) + 1;
        for (int h = 0; h < p.heads; h++)
            for (int i = kTokens - 100; i < kTokens; i++)
                for (size_t d = 0; d < row; d++) {
                    const size_t at = (static_cast<size_t>(h) * kTokens + i) * row + d;
                    ASSERT_EQ(got[at], want[at]) << pattern << " query " << i;
                }
    }
}

INSTANTIATE_TEST_SUITE_P(All, CacheOfTier, testing::ValuesIn(runnable_tiers()),
                         [](const auto &tier) { return tier.param; });

lac_kernel best() { return find_kernel(general_kernel(), runnable_tiers().front()); }

TEST(Cache, KeepsWhatThePatternCanStillSee) {
    const struct {
        const char *pattern;
        int context, kept, slots;
    } cases[] = {{"window:256+every:64+sink:4", 2048, 287, 292},
                 {"dense", 2048, 2048, 2048},
                 {"window:256", 65536, 256, 256},
                 {"sink:4", 2048, 4, 4}};
    for (const auto &c : cases) {
        Problem p = problem(c.pattern);
        p.q_tokens = p.k_tokens = c.context;
        Tensors t(p);
        Cached cache(best(), c.pattern, options_of(p, 1, 0));
        while (cache.tokens() < std::min(c.context, 4096)) lac::check(cache.append(t, 0, 1));
        EXPECT_EQ(cache.state().kept, c.kept) << c.pattern;
        EXPECT_EQ(cache.state().slots, c.slots) << c.pattern;
        EXPECT_LE(cache.state().padded_slots, c.slots + 3 * best().variant->panel_keys);
    }
}

TEST(Cache, TrimsUntilTheRingHasDroppedKeys) {
    const Problem p = problem("window:32");
    Tensors t(p);
    const ResultBits want = result(best(), p, t, {});
    clear_output(t);
    Cached cache(best(), p.pattern, options_of(p, 8, 24));
    int tokens = 0;
    for (int turn = 0; tokens < kTokens; turn++) {
        const int count = std::min(8, kTokens - tokens);
        lac::check(cache.append(t, 0, count));
        tokens += count;
        if (turn % 7 == 6 && tokens < kTokens) {
            const int shortest = cache.state().shortest;
            EXPECT_LE(shortest, tokens - 24);
            if (shortest > 1) {
                EXPECT_EQ(lac_cache_trim(cache.get(), shortest - 1), LAC_FORGOTTEN);
            }
            tokens -= 24;
            ASSERT_EQ(lac_cache_trim(cache.get(), tokens), LAC_OK);
            continue;
        }
        lac::check(step({&cache}, p, t, {count}, {}));
    }
    EXPECT_GT(cache.state().shortest, 0);
    // Every row was attended, most of them again after a trim.
    lac::check(step({&cache}, p, t, {8}, {}));
    EXPECT_EQ(difference(all_bits(t, p), want), "");
    EXPECT_EQ(lac_cache_trim(cache.get(), kTokens + 1), LAC_BAD_LENGTH);
    ASSERT_EQ(lac_cache_trim(cache.get(), 0), LAC_OK);
    EXPECT_EQ(cache.state().tokens, 0);
}

TEST(Cache, TakesBidiPatternsWhole) {
    for (const char *pattern : {"bidi/local:8,8+global:3", "bigbird:8,3,2,2,1"}) {
        Problem p = problem(pattern);
        p.q_tokens = p.k_tokens = 90;
        Tensors t(p);
        const ResultBits want = result(best(), p, t, {});
        EXPECT_EQ(difference(in_steps(best(), p, t, {90}, 90, {}), want), "") << pattern;
        Cached cache(best(), pattern, options_of(p, 90, 0));
        lac::check(cache.append(t, 0, 50));
        EXPECT_EQ(step({&cache}, p, t, {1}, {}), LAC_NOT_INCREMENTAL);
        lac::check(cache.append(t, 0, 40));
        clear_output(t);
        EXPECT_EQ(step({&cache}, p, t, {90}, {}), LAC_OK);
        EXPECT_EQ(difference(all_bits(t, p), want), "") << pattern;
    }
}

}  // namespace
}  // namespace lacuna
