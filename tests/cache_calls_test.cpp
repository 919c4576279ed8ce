// What a cache refuses, the room that steps take, and images.
#include <gtest/gtest.h>

#include "tests/cached.h"

namespace lacuna {
namespace {

constexpr int kTokens = 300;

Problem problem(const std::string &pattern) {
    Problem p;
    p.pattern = pattern;
    p.heads = 6;
    p.kv_heads = 2;
    p.q_tokens = p.k_tokens = kTokens;
    return p;
}
lac_kernel best() { return find_kernel(general_kernel(), runnable_tiers().front()); }

TEST(Cache, RefusesWhatItCannotDo) {
    const Problem p = problem("window:32");
    Tensors t(p);
    Cached cache(best(), p.pattern, options_of(p, 8, 0));
    EXPECT_EQ(cache.append(t, 0, 9), LAC_BAD_LENGTH);
    EXPECT_EQ(step({&cache}, p, t, {1}, {}), LAC_BAD_LENGTH);  // empty
    while (cache.tokens() + 8 <= kTokens) ASSERT_EQ(cache.append(t, 0, 8), LAC_OK);
    EXPECT_EQ(cache.append(t, 0, 8), LAC_CACHE_FULL);
    EXPECT_EQ(cache.tokens(), kTokens / 8 * 8);
    EXPECT_EQ(step({&cache}, p, t, {8}, {}), LAC_OK);
    EXPECT_EQ(step({&cache}, p, t, {60}, {}), LAC_FORGOTTEN);
    for (const int bad : {0, -1, INT32_MIN}) EXPECT_EQ(cache.append(t, 0, bad), LAC_BAD_LENGTH);
    lac_tensor k = tokens_of(t.k.view(), 0, 0, 1), v = tokens_of(t.v.view(), 0, 0, 1);
    k.heads = 3;
    EXPECT_EQ(lac_cache_append(cache.get(), &k, &v), LAC_BAD_SHAPE);

    const Cached other(best(), "window:31", options_of(p, 8, 0));
    const lac_cache *const two[] = {cache.get(), other.get()};
    const lac_step mixed{sizeof(lac_step), 2, two, nullptr, nullptr, nullptr, nullptr};
    int32_t lengths[2];
    lac_shape shape;
    EXPECT_EQ(lac_step_shape(&mixed, 1, lengths, &shape), LAC_CACHE_MISMATCH);
}

// Whether queries run in dense order decides bits and what a cache keeps.
TEST(Cache, StepsAreOfOneOrder) {
    const Problem p = problem("window:32");
    Tensors t(p);
    Cached cache(best(), p.pattern, options_of(p, 8, 0));
    ASSERT_EQ(cache.append(t, 0, 8), LAC_OK);
    int32_t lengths[2];
    lac_shape shape;
    lac_cache_options own = options_of(p, 8, 0);
    own.no_dense_order = 1;
    const Cached of_own(best(), p.pattern, own);
    const lac_cache *const orders[] = {cache.get(), of_own.get()};
    const lac_step both{sizeof(lac_step), 2, orders, nullptr, nullptr, nullptr, nullptr};
    EXPECT_EQ(lac_step_shape(&both, 1, lengths, &shape), LAC_CACHE_MISMATCH);

    const lac_step one{sizeof(lac_step), 1, orders, nullptr, nullptr, nullptr, nullptr};
    ASSERT_EQ(lac_step_shape(&one, 1, lengths, &shape), LAC_OK);
    Problem last = p;
    last.q_tokens = 1;
    last.k_tokens = 8;
    for (const bool order : {false, true}) {
        last.own_order = order;
        const Planned planned(best(), last, {});
        EXPECT_EQ(step({&cache}, p, t, {1}, {}, planned.plan()),
                  order ? LAC_CACHE_MISMATCH : LAC_OK);
    }
}

TEST(Cache, KeepsTheOutputOutOfIt) {
    const Problem p = problem("dense");
    Tensors t(p);
    Cached cache(best(), p.pattern, options_of(p, 1, 0));
    lac::check(cache.append(t, 0, 1));
    const lac_cache *const caches[] = {cache.get()};
    const lac_step step{sizeof(lac_step), 1, caches, nullptr, nullptr, nullptr, nullptr};
    lac_tensor out = tokens_of(t.out.view(), 0, 0, 1);
    out.data = reinterpret_cast<uint8_t *>(cache.get()) + cache.bytes() - 64;
    const lac_tensor q = tokens_of(t.q.view(), 0, 0, 1);
    const lac::Memory workspace(1 << 20);
    EXPECT_EQ(lac_step_attend(&step, &q, &out, nullptr, workspace.data(), workspace.bytes()),
              LAC_OVERLAP);
}

// Threads that have a KV head each share none, and need no room for it.
TEST(Cache, StepsTakeRoomForWhatTheyShare) {
    const lac_pattern pattern = parse("dense");
    const auto bytes = [&](int kv_heads, int threads) {
        const lac_kernel kernel = best();
        const lac_cache_options options{sizeof options, 8,       kv_heads, 32768, 1, 0,
                                        nullptr,        nullptr, 0};
        size_t n = 0;
        lac::check(lac_step_bytes(&kernel, &pattern, &options, 1, 1, threads, &n));
        return n;
    };
    EXPECT_LT(bytes(8, 8), 8 * bytes(8, 1));
    EXPECT_GT(bytes(1, 8), 8 * bytes(1, 1));
    EXPECT_LT(bytes(1, 8), size_t{8} << 20);
}

TEST(Cache, ImagesComeBackAndForeignOnesAreRefused) {
    const Problem p = problem("window:20+sink:3");
    Tensors t(p);
    const ResultBits want = result(best(), p, t, {});
    const lac_cache_options options = options_of(p, 40, 10);
    Cached cache(best(), p.pattern, options);
    while (cache.tokens() < 160) lac::check(cache.append(t, 0, 40));
    std::vector<uint8_t> image(lac_cache_image_bytes(cache.get()));
    ASSERT_EQ(lac_cache_save(cache.get(), image.data(), image.size() - 1), LAC_TOO_SMALL);
    ASSERT_EQ(lac_cache_save(cache.get(), image.data(), image.size()), LAC_OK);

    Cached again(best(), p.pattern, options);
    ASSERT_EQ(lac_cache_load(again.get(), image.data(), image.size()), LAC_OK);
    Cached forked = cache.fork();
    for (Cached *c : {&again, &forked}) {
        clear_output(t);
        while (c->tokens() < kTokens) {
            lac::check(c->append(t, 0, 20));
            lac::check(step({c}, p, t, {20}, {}));
        }
        const ResultBits got = all_bits(t, p);
        const size_t row = static_cast<size_t>(p.value_dim) + 1;
        for (size_t i = (kTokens - 1) * row; i < kTokens * row; i++) ASSERT_EQ(got[i], want[i]);
    }

    Cached other(best(), p.pattern, options_of(p, 41, 10));
    EXPECT_EQ(lac_cache_load(other.get(), image.data(), image.size()), LAC_FOREIGN_IMAGE);
    EXPECT_EQ(lac_cache_load(again.get(), image.data(), image.size() - 8), LAC_BAD_IMAGE);
    EXPECT_EQ(lac_cache_load(again.get(), image.data(), 7), LAC_BAD_IMAGE);
    for (size_t at = 0; at < image.size(); at += 97) {
        image[at] ^= 0x10;
        EXPECT_NE(lac_cache_load(again.get(), image.data(), image.size()), LAC_OK) << at;
        image[at] ^= 0x10;
    }
    EXPECT_EQ(again.tokens(), kTokens);
}

}  // namespace
}  // namespace lacuna
