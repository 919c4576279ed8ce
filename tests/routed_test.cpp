// From a router to the output: lists that lac_topk_select or lac_route made go into a plan as they
// are, and attention over them agrees with the oracle.
#include <gtest/gtest.h>

#include "lacuna/router.h"
#include "tests/agree.h"

namespace lacuna {
namespace {

class Routed : public testing::TestWithParam<std::string> {
protected:
    static lac_kernel kernel() { return find_kernel(general_kernel(), GetParam()); }
    static Problem problem(const char *pattern) {
        Problem p;
        p.pattern = pattern;
        p.heads = 4;
        p.kv_heads = 2;
        p.q_tokens = 150;
        p.k_tokens = 190;
        return p;
    }
};

TEST_P(Routed, ListsOfTheRouterGoIntoAPlan) {
    for (const char *pattern : {"topk:64,tile=16,block=16", "window:20+topk:32,block=8",
                                "bidi/topk:48,cap=64,tile=50,block=32+sink:3"}) {
        for (const int method : {LAC_ROUTE_MINMAX, LAC_ROUTE_MEAN}) {
            Problem p = problem(pattern);
            Tensors t(p);
            const lac_kernel k = kernel();
            const lac_pattern parsed = parse(pattern);
            const lac_shape shape = p.shape();
            lac_route_args args{};
            args.size = sizeof args;
            args.method = method;
            size_t bytes = 0;
            ASSERT_EQ(lac_route_bytes(&k, &parsed, &shape, &args, &bytes), LAC_OK);
            const lac::Memory memory(bytes);
            lac_lists lists{};
            const lac_tensor q = t.q.view(), keys = t.k.view();
            ASSERT_EQ(
                lac_route(&k, &parsed, &shape, &args, &q, &keys, memory.data(), bytes, &lists),
                LAC_OK);
            lac_lists again = lists;
            EXPECT_EQ(lac_lists_check(&parsed, &shape, &again, nullptr), LAC_OK);
            EXPECT_EQ(again.checked, lists.checked);
            p.lists = &lists;
            expect_agrees(k, p, t);
        }
    }
}

// 40 candidates a row, in falling order of position: at most 24 may stay.
TEST_P(Routed, ChosenCandidatesGoIntoAPlan) {
    for (const char *pattern : {"topk:20,cap=24", "topk:20,cap=40", "topk:9+window:5"}) {
        Problem p = problem(pattern);
        Tensors t(p);
        const lac_pattern parsed = parse(pattern);
        const lac_shape shape = p.shape();
        std::vector<int64_t> starts{0};
        std::vector<int32_t> indices;
        std::vector<float> scores;
        for (int i = 0; i < p.kv_heads * p.q_tokens; i++) {
            for (int key = 40; key-- > 0;) {
                indices.push_back(key);
                scores.push_back(static_cast<float>((key * 7 + i) % 13));
            }
            starts.push_back(static_cast<int64_t>(indices.size()));
        }
        const lac_candidates candidates{
            sizeof candidates, 1, p.kv_heads, p.q_tokens, starts.data(), indices.data(),
            scores.data()};
        size_t bytes = 0;
        ASSERT_EQ(lac_topk_bytes(&parsed, &shape, &candidates, &bytes), LAC_OK);
        const lac::Memory memory(bytes);
        lac_lists lists{};
        ASSERT_EQ(
            lac_topk_select(&parsed, &shape, &candidates, memory.data(), bytes, &lists, nullptr),
            LAC_OK);
        const int64_t kept = parsed.atom[0].arg[1] == 40 ? 40 : parsed.atom[0].arg[0];
        EXPECT_EQ(lists.starts[1] - lists.starts[0], kept) << pattern;
        p.lists = &lists;
        expect_agrees(kernel(), p, t);
    }
}

INSTANTIATE_TEST_SUITE_P(All, Routed, testing::ValuesIn(runnable_tiers()));

}  // namespace
}  // namespace lacuna
