// Trees of drafted tokens: which of them see which.
#include <gtest/gtest.h>

#include "tests/cached.h"

namespace lacuna {
namespace {

const char *const kPatterns[] = {"dense",
                                 "window:20",
                                 "every:5+window:9",
                                 "strided:6+window:8",
                                 "heads(0-2=window:9|3-5=dilated:4,4+sink:3)",
                                 "topk:40"};

// Each token sees itself and the ancestors of a parent that came before it.
std::vector<uint64_t> random_tree(int batch, int drafted, unsigned seed) {
    std::mt19937 random(seed);
    std::vector<uint64_t> tree;
    for (int b = 0; b < batch; b++) {
        for (int i = 0; i < drafted; i++) {
            const size_t first = static_cast<size_t>(b) * drafted;
            const uint64_t above = i == 0 ? 0 : tree[first + random() % i];
            tree.push_back(above | uint64_t{1} << i);
        }
    }
    return tree;
}

Problem problem(const std::string &pattern, int drafted, unsigned seed) {
    Problem p;
    p.pattern = pattern;
    p.batch = 2;
    p.heads = 6;
    p.kv_heads = 2;
    p.q_tokens = drafted;
    p.k_tokens = 150;
    p.k_lengths = {150, 101};
    p.tree = random_tree(p.batch, drafted, seed);
    if (pattern[0] == 't') give_lists(p, 2, true);
    return p;
}

class Trees : public testing::TestWithParam<std::string> {
protected:
    static lac_kernel kernel() { return find_kernel(general_kernel(), GetParam()); }
};

TEST_P(Trees, AgreeWithTheOracle) {
    for (const char *pattern : kPatterns) {
        for (const int drafted : {1, 2, 7, 33, 64}) {
            const Problem p = problem(pattern, drafted, drafted);
            Tensors t(p);
            ASSERT_EQ(run(kernel(), p, t), LAC_OK) << p.describe();
            EXPECT_LE(judge(p, t).error_ratio, 1) << p.describe();
        }
    }
}

TEST_P(Trees, OfOneBranchAreNoTree) {
    for (const char *pattern : kPatterns) {
        Problem p = problem(pattern, 64, 1);
        Tensors t(p);
        for (size_t i = 0; i < p.tree.size(); i++) p.tree[i] = ~uint64_t{0} >> (63 - i % 64);
        const ResultBits branch = result(kernel(), p, t, {});
        p.tree.clear();
        EXPECT_EQ(difference(result(kernel(), p, t, {}), branch), "") << pattern;
    }
}

TEST_P(Trees, AreTheSameThroughTheCache) {
    for (const char *pattern : {"dense", "window:20+sink:2", "strided:6+window:8"}) {
        Problem p = problem(pattern, 30, 3);
        p.k_lengths.clear();
        Tensors t(p);
        const ResultBits want = result(kernel(), p, t, {});
        std::vector<std::unique_ptr<Cached>> caches;
        for (int b = 0; b < p.batch; b++) {
            caches.push_back(std::make_unique<Cached>(kernel(), p.pattern, options_of(p, 30, 30)));
            while (caches[b]->tokens() < p.k_tokens) lac::check(caches[b]->append(t, b, 30));
        }
        // step() takes queries from the places that the tokens have.
        Problem whole = p;
        whole.q_tokens = p.k_tokens;
        Tensors placed(whole);
        clear_output(placed);
        for (int b = 0; b < p.batch; b++)
            for (int h = 0; h < p.heads; h++)
                for (int i = 0; i < 30; i++)
                    for (int d = 0; d < p.head_dim; d++)
                        placed.q.at(b, h, 120 + i, d) = t.q.at(b, h, i, d);
        ASSERT_EQ(step({caches[0].get(), caches[1].get()}, whole, placed, {30, 30}, {}), LAC_OK);
        clear_output(t);
        for (int b = 0; b < p.batch; b++)
            for (int h = 0; h < p.heads; h++)
                for (int i = 0; i < 30; i++) {
                    for (int d = 0; d < p.value_dim; d++)
                        t.out.at(b, h, i, d) = placed.out.at(b, h, 120 + i, d);
                    const size_t head = static_cast<size_t>(b) * p.heads + h;
                    t.log_sum_exp[head * 30 + i] = placed.log_sum_exp[head * 150 + 120 + i];
                }
        EXPECT_EQ(difference(all_bits(t, p), want), "") << pattern;
    }
}

INSTANTIATE_TEST_SUITE_P(All, Trees, testing::ValuesIn(runnable_tiers()),
                         [](const auto &tier) { return tier.param; });

TEST(Tree, IsOfAtMost64LastTokens) {
    const lac_kernel kernel = find_kernel(general_kernel(), runnable_tiers().front());
    const lac_pattern pattern = parse("dense");
    size_t bytes = 0;
    const auto measure = [&](const Problem &p) {
        const lac_shape shape = p.shape();
        return lac_plan_bytes(&kernel, &pattern, &shape, &bytes);
    };
    Problem p = problem("dense", 64, 1);
    EXPECT_EQ(measure(p), LAC_OK);
    p.q_starts = {86, 36};
    EXPECT_EQ(measure(p), LAC_BAD_LENGTH);
    p = problem("dense", 64, 1);
    p.q_tokens = 65;
    p.tree = std::vector<uint64_t>(130);
    EXPECT_EQ(measure(p), LAC_BAD_LENGTH);
}

}  // namespace
}  // namespace lacuna
