// A cache that turns K and Q gives the bits of lac_rope_apply and a cache that does not.
#include <gtest/gtest.h>

#include "tests/cached.h"
#include "tests/kernel_params.h"
#include "tests/rotary.h"

namespace lacuna {
namespace {

constexpr int kTokens = 90;

Problem problem(const lac_kernel_entry &entry, const char *pattern) {
    Problem p;
    p.pattern = pattern;
    p.heads = 6;
    p.kv_heads = 2;
    p.q_tokens = p.k_tokens = kTokens;
    fit(p, entry);
    return p;
}

lac_cache_options options_with(const Problem &p, const lac_rope *rope) {
    lac_cache_options options = options_of(p, 40, 0);
    options.rope = rope;
    return options;
}

ResultBits in_steps(const lac_kernel &kernel, const Problem &p, Tensors &t, const lac_rope *rope,
                    const std::vector<int> &sizes) {
    clear_output(t);
    Cached cache(kernel, p.pattern, options_with(p, rope));
    for (size_t i = 0; cache.tokens() < p.k_tokens; i++) {
        const int count = std::min(sizes[i % sizes.size()], p.k_tokens - cache.tokens());
        lac::check(cache.append(t, 0, count));
        lac::check(step({&cache}, p, t, {count}, {3, in_reverse, nullptr}));
    }
    return all_bits(t, p);
}

class CacheThatTurns : public testing::TestWithParam<KernelOnTier> {
protected:
    static const lac_kernel_entry &entry() { return lac_kernels.kernels[std::get<0>(GetParam())]; }
    static lac_kernel kernel() { return find_kernel(entry(), std::get<1>(GetParam())); }
};

TEST_P(CacheThatTurns, GivesTheBitsOfTurningBefore) {
    for (const char *pattern : {"window:20+sink:3", "dilated:6,3+window:5"}) {
        for (const bool interleaved : {false, true}) {
            const Problem p = problem(entry(), pattern);
            Tensors t(p), turned(p);
            const int rotary = interleaved ? p.head_dim / 4 * 2 : p.head_dim / 2 * 2;
            const Tables tables(rotary / 2);
            const lac_rope rope = tables.rope(rotary, interleaved);
            for (const TestTensor *x : {&turned.q, &turned.k}) {
                const lac_tensor rows = x->view();
                ASSERT_EQ(lac_rope_apply(&rope, &rows, nullptr, &rows), LAC_OK);
            }
            const ResultBits want = in_steps(kernel(), p, turned, nullptr, {40});
            for (const std::vector<int> &sizes : {std::vector<int>{3, 1}, {7, 1, 40, 18}})
                EXPECT_EQ(difference(in_steps(kernel(), p, t, &rope, sizes), want), "")
                    << p.describe();
        }
    }
}

// A kernel of each type of Q, and one whose features fill no vectors.
bool chosen(const lac_kernel_entry &e) {
    const bool integers = e.key_type == LAC_I8 || e.type == LAC_I8;
    return !e.pattern && !integers && (e.head_dim == 64 || e.head_dim == 20);
}
INSTANTIATE_TEST_SUITE_P(All, CacheThatTurns, kernels_on_tiers(chosen), kernel_on_tier_name);

class CacheRope : public testing::Test {
protected:
    const lac_kernel kernel_ = find_kernel(general_kernel(), runnable_tiers().front());
    const Problem p_ = problem(general_kernel(), "dense");
    const Tables tables_{32};
    const lac_rope rope_ = tables_.rope(0, false);

    lac_status bytes_for(const lac_rope &rope, const lac_cache_options &options) const {
        lac_cache_options with = options;
        with.rope = &rope;
        const lac_pattern pattern = parse(p_.pattern);
        size_t bytes = 0;
        return lac_cache_bytes(&kernel_, &pattern, &with, &bytes);
    }
};

TEST_F(CacheRope, RefusesTablesThatDoNotFit) {
    lac_cache_options options = options_of(p_, 40, 0);
    EXPECT_EQ(bytes_for(rope_, options), LAC_OK);
    options.max_context = kPositions + 1;
    EXPECT_EQ(bytes_for(rope_, options), LAC_BAD_LENGTH);
    options.max_context = kPositions;
    lac_rope bad = rope_;
    bad.size = 0;
    EXPECT_EQ(bytes_for(bad, options), LAC_BAD_ARGUMENT);
    bad = rope_;
    bad.rotary_dim = p_.head_dim + 2;
    EXPECT_EQ(bytes_for(bad, options), LAC_BAD_SHAPE);
    bad = rope_;
    bad.sines = nullptr;
    EXPECT_EQ(bytes_for(bad, options), LAC_BAD_ARGUMENT);
}

TEST_F(CacheRope, RefusesTreesAndCachesThatTurnOtherwise) {
    Tensors t(p_);
    Cached turns(kernel_, p_.pattern, options_with(p_, &rope_));
    Cached stays(kernel_, p_.pattern, options_of(p_, 40, 0));
    for (Cached *c : {&turns, &stays}) lac::check(c->append(t, 0, 2));
    const lac_cache *both[] = {turns.get(), stays.get()};
    const uint64_t tree[] = {1, 3};
    const lac::Memory workspace(1 << 22);
    const auto attend = [&](int32_t count, const uint64_t *with_tree) {
        lac_step s{};
        s.size = sizeof s;
        s.count = count;
        s.caches = both;
        s.tree = with_tree;
        lac_tensor q = tokens_of(t.q.view(), 0, 0, 2), out = tokens_of(t.out.view(), 0, 0, 2);
        q.batch = out.batch = count;
        return lac_step_attend(&s, &q, &out, nullptr, workspace.data(), workspace.bytes());
    };
    EXPECT_EQ(attend(1, nullptr), LAC_OK);
    EXPECT_EQ(attend(1, tree), LAC_BAD_ARGUMENT);
    EXPECT_EQ(attend(2, nullptr), LAC_CACHE_MISMATCH);
}

TEST_F(CacheRope, ImagesOfTurnedKeysAreForeignElsewhere) {
    Tensors t(p_);
    Cached turns(kernel_, p_.pattern, options_with(p_, &rope_));
    Cached stays(kernel_, p_.pattern, options_of(p_, 40, 0));
    lac::check(turns.append(t, 0, 5));
    std::vector<uint8_t> image(lac_cache_image_bytes(turns.get()));
    lac::check(lac_cache_save(turns.get(), image.data(), image.size()));
    EXPECT_EQ(lac_cache_load(stays.get(), image.data(), image.size()), LAC_FOREIGN_IMAGE);
    EXPECT_EQ(lac_cache_load(turns.get(), image.data(), image.size()), LAC_OK);
}

}  // namespace
}  // namespace lacuna
