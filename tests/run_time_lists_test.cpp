// Lists at run time: what lac_lists_check refuses, that plans take nothing unchecked, and that
// every run-time atom and mix of heads agrees with the oracle on every tier.
#include <gtest/gtest.h>

#include <climits>
#include <cmath>
#include <limits>

#include "tests/agree.h"

namespace lacuna {
namespace {

// Lists of one sequence of 10 tokens, to spoil.
struct Listed {
    explicit Listed(const char *text) : pattern(parse(text)) {
        lists.size = sizeof lists;
        lists.globals = globals;
        lists.global_count = 3;
        lists.batch = lists.heads = 1;
        lists.rows = static_cast<int32_t>(list_shape_of(*row_reader(pattern), 4, 10).rows);
        lists.index_count = 6;
        lists.starts = starts;
        lists.indices = indices;
        lists.queries = queries;
    }
    lac_status check() { return lac_lists_check(&pattern, &shape, &lists, &error); }
    lac_pattern pattern;
    int32_t globals[3] = {0, 4, 9};
    int64_t starts[11] = {0, 2, 4, 4, 6, 6, 6, 6, 6, 6, 6};
    int32_t indices[6] = {0, 3, 1, 2, 0, 4};
    int32_t queries[6] = {0, 0, 1, 1, 3, 3};
    lac_lists lists{};
    lac_shape shape{sizeof(lac_shape), 1,       2,       1,       4,       10,
                    nullptr,           nullptr, nullptr, nullptr, nullptr, 0};
    lac_list_error error{-1, -1, -1, -1, -1};
};

struct BadList {
    const char *what;
    lac_status want;
    int32_t row;
    int64_t entry, value;
    void (*spoil)(Listed &);
};

void expect_refused(const char *pattern, const BadList &bad) {
    Listed l(pattern);
    ASSERT_EQ(l.check(), LAC_OK) << pattern;
    ASSERT_NE(l.lists.checked, 0u);
    bad.spoil(l);
    EXPECT_EQ(l.check(), bad.want) << pattern << ": " << bad.what;
    EXPECT_EQ(l.lists.checked, 0u) << bad.what;
    EXPECT_EQ(l.error.row, bad.row) << bad.what;
    EXPECT_EQ(l.error.entry, bad.entry) << bad.what;
    EXPECT_EQ(l.error.value, bad.value) << bad.what;
}

const BadList kBadRows[] = {
    {"negative", LAC_LIST_RANGE, 0, 0, -1, [](Listed &l) { l.indices[0] = -1; }},
    {"least integer", LAC_LIST_RANGE, 1, 1, INT_MIN, [](Listed &l) { l.indices[3] = INT_MIN; }},
    {"largest integer", LAC_LIST_RANGE, 3, 1, INT_MAX, [](Listed &l) { l.indices[5] = INT_MAX; }},
    {"one past", LAC_LIST_RANGE, 3, 1, 10, [](Listed &l) { l.indices[5] = 10; }},
    {"twice", LAC_LIST_REPEATED, 1, 1, 1, [](Listed &l) { l.indices[3] = 1; }},
    {"unsorted", LAC_LIST_UNSORTED, 1, 1, 0, [](Listed &l) { l.indices[3] = 0; }},
    {"starts go down", LAC_BAD_LISTS, 1, 0, 1, [](Listed &l) { l.starts[2] = 1; }},
    {"starts least", LAC_BAD_LISTS, 3, 0, INT64_MIN, [](Listed &l) { l.starts[4] = INT64_MIN; }},
    {"first start negative", LAC_BAD_LISTS, 0, 0, -1, [](Listed &l) { l.starts[0] = -1; }},
    {"one index too few", LAC_BAD_LISTS, 0, 4, 6, [](Listed &l) { l.lists.index_count = 5; }},
    {"rows", LAC_BAD_LISTS, 0, 0, 5, [](Listed &l) { l.lists.rows++; }},
    {"rows negative", LAC_BAD_LISTS, 0, 0, -4, [](Listed &l) { l.lists.rows = -4; }},
    {"heads", LAC_BAD_LISTS, 0, 0, 3, [](Listed &l) { l.lists.heads = 3; }},
    {"batch", LAC_BAD_LISTS, 0, 0, 2, [](Listed &l) { l.lists.batch = 2; }},
    {"no starts", LAC_BAD_LISTS, 0, 0, 0, [](Listed &l) { l.lists.starts = nullptr; }},
    {"no indices", LAC_BAD_LISTS, 0, 0, 0, [](Listed &l) { l.lists.indices = nullptr; }},
};

TEST(ListsCheck, SaysWhichRowAndEntryIsWrong) {
    for (const BadList &bad : kBadRows) expect_refused("mask:csr", bad);
}

TEST(ListsCheck, CountsBlocksAgainstTheirOwnLength) {
    expect_refused("mask:blocks,2",
                   {"one past", LAC_LIST_RANGE, 3, 1, 5, [](Listed &l) { l.indices[5] = 5; }});
}

TEST(ListsCheck, HoldsPairsToBothOrders) {
    Listed l("mask:pairs");
    l.starts[1] = 6;
    ASSERT_EQ(l.check(), LAC_OK);
    const struct {
        lac_status want;
        int64_t entry, value;
        void (*spoil)(Listed &);
    } rows[] = {
        {LAC_LIST_UNSORTED, 2, 0, [](Listed &b) { b.queries[1] = 1, b.queries[2] = 0; }},
        {LAC_LIST_UNSORTED, 1, 0, [](Listed &b) { b.indices[0] = 3, b.indices[1] = 0; }},
        {LAC_LIST_REPEATED, 1, 0, [](Listed &b) { b.indices[1] = 0; }},
        {LAC_LIST_RANGE, 5, 4, [](Listed &b) { b.queries[5] = 4; }},
        {LAC_LIST_RANGE, 5, 10, [](Listed &b) { b.indices[5] = 10; }},
        {LAC_BAD_LISTS, 0, 0, [](Listed &b) { b.lists.queries = nullptr; }},
    };
    for (const auto &row : rows) {
        Listed bad("mask:pairs");
        bad.starts[1] = 6;
        row.spoil(bad);
        EXPECT_EQ(bad.check(), row.want);
        EXPECT_EQ(bad.error.entry, row.entry);
        EXPECT_EQ(bad.error.value, row.value);
    }
}

TEST(ListsCheck, HoldsChoicesToCapAndPast) {
    const BadList rows[] = {
        {"more than the cap", LAC_LIST_CAP, 0, 2, 4,
         [](Listed &l) {
             for (int i = 1; i <= 4; i++) l.starts[i] = 4;
             for (int i = 0; i < 4; i++) l.indices[i] = i;
         }},
        {"ahead of its query", LAC_LIST_FUTURE, 0, 1, 7, [](Listed &l) { l.indices[1] = 7; }},
    };
    for (const BadList &bad : rows) expect_refused("topk:2", bad);
    Listed bidi("bidi/topk:2");
    bidi.indices[1] = 7;
    EXPECT_EQ(bidi.check(), LAC_OK);
    // A tile's last query decides.
    Listed tile("topk:2,tile=2");
    tile.starts[1] = 2, tile.starts[2] = 4;
    tile.indices[1] = 7;
    EXPECT_EQ(tile.check(), LAC_OK);
    tile.indices[1] = 8;
    EXPECT_EQ(tile.check(), LAC_LIST_FUTURE);
}

TEST(ListsCheck, SaysWhichGlobalIsWrong) {
    const BadList rows[] = {
        {"unsorted", LAC_LIST_UNSORTED, -1, 2, 3, [](Listed &l) { l.globals[2] = 3; }},
        {"repeated", LAC_LIST_REPEATED, -1, 1, 0, [](Listed &l) { l.globals[1] = 0; }},
        {"out of range", LAC_LIST_RANGE, -1, 2, 10, [](Listed &l) { l.globals[2] = 10; }},
        {"count negative", LAC_BAD_LISTS, -1, 0, -1, [](Listed &l) { l.lists.global_count = -1; }},
        {"none", LAC_BAD_LISTS, -1, 0, 3, [](Listed &l) { l.lists.globals = nullptr; }},
    };
    for (const BadList &bad : rows) expect_refused("global:list+mask:csr", bad);
    Listed l("global:list+mask:csr");
    int32_t global_starts[2] = {0, 2};
    l.lists.global_starts = global_starts;
    ASSERT_EQ(l.check(), LAC_OK);
    global_starts[1] = -1;
    EXPECT_EQ(l.check(), LAC_BAD_LISTS);
    global_starts[1] = 4;
    EXPECT_EQ(l.check(), LAC_BAD_LISTS);
}

TEST(ListsCheck, PlansTakeOnlyWhatWasCheckedForThem) {
    const lac_kernel kernel = find_kernel(general_kernel(), runnable_tiers()[0]);
    Listed l("mask:blocks,2");
    size_t bytes = 0;
    const auto plan = [&] { return lac_plan_bytes(&kernel, &l.pattern, &l.shape, &bytes); };
    EXPECT_EQ(plan(), LAC_NO_LISTS);
    l.shape.lists = &l.lists;
    EXPECT_EQ(plan(), LAC_UNCHECKED_LISTS);
    ASSERT_EQ(l.check(), LAC_OK);
    EXPECT_EQ(plan(), LAC_OK);
    l.shape.k_tokens = 12;
    EXPECT_EQ(plan(), LAC_UNCHECKED_LISTS);
    l.shape.k_tokens = 10;
    l.lists.indices++;
    EXPECT_EQ(plan(), LAC_UNCHECKED_LISTS);
    l.lists.indices--;
    EXPECT_EQ(plan(), LAC_OK);
    l.pattern = parse("mask:blocks,3");
    EXPECT_EQ(plan(), LAC_UNCHECKED_LISTS);
}

TEST(ListsCheck, MixesNameTheHeadsOfTheShape) {
    const lac_kernel kernel = find_kernel(general_kernel(), runnable_tiers()[0]);
    const std::pair<const char *, lac_status> rows[] = {
        {"heads(0=dense|1-3=window:4)", LAC_OK},
        {"heads(0=dense|1-4=window:4)", LAC_BAD_HEADS},
        {"heads(0=dense|1-2=window:4)", LAC_BAD_HEADS},
        {"heads(1-3=window:4)", LAC_BAD_HEADS},
        {"heads(1-3=window:4)+sink:2", LAC_OK}};
    for (const auto &[text, want] : rows) {
        const lac_pattern pattern = parse(text);
        const lac_shape shape{sizeof(lac_shape), 1,       4,       2,       9,       9,
                              nullptr,           nullptr, nullptr, nullptr, nullptr, 0};
        size_t bytes = 0;
        EXPECT_EQ(lac_plan_bytes(&kernel, &pattern, &shape, &bytes), want) << text;
    }
}

class EveryTier : public testing::TestWithParam<std::string> {
protected:
    static lac_kernel kernel() { return find_kernel(general_kernel(), GetParam()); }
    static void expect_right(const Problem &p) {
        Tensors t(p);
        expect_agrees(kernel(), p, t);
    }
};

const char *const kListed[] = {"mask:csr",
                               "bidi/mask:csr",
                               "window:9+mask:csr",
                               "mask:csr+strided:5+sink:3",
                               "mask:blocks,16",
                               "bidi/mask:blocks,7",
                               "bidi/sink:2+mask:blocks,64",
                               "mask:pairs",
                               "bidi/mask:pairs+local:5,3",
                               "dilated:4,3+mask:pairs",
                               "global:list",
                               "bidi/local:8,8+global:list",
                               "bidi/global:list+mask:pairs+every:9",
                               "topk:24",
                               "topk:33,cap=40+window:5",
                               "topk:40,tile=16",
                               "bidi/topk:300,tile=3+global:list",
                               "topk:32,cap=64,tile=16,block=8"};

TEST_P(EveryTier, RunTimeAtomsAgreeWithTheOracle) {
    unsigned seed = 1;
    for (const char *pattern : kListed) {
        for (const auto &[heads, kv_heads] : {std::pair(1, 1), {4, 2}, {6, 1}}) {
            for (const int list_heads : {1, kv_heads, heads}) {
                Problem p;
                p.pattern = pattern;
                p.heads = heads;
                p.kv_heads = kv_heads;
                p.seed = seed++;
                p.q_tokens = seed % 3 ? 45 : 330;
                p.k_tokens = p.q_tokens + static_cast<int>(seed % 2) * 37;
                p.order = static_cast<Order>(seed % 4);
                p.flush = seed % 2 ? Flush::kFront : Flush::kBack;
                p.threads = seed % 5 == 0 ? 3 : 1;
                give_lists(p, list_heads, false);
                expect_right(p);
            }
        }
    }
}

TEST_P(EveryTier, BatchesReadListsOfTheirOwn) {
    for (const char *pattern : kListed) {
        Problem p;
        p.pattern = pattern;
        p.batch = 3;
        p.heads = 4;
        p.kv_heads = 2;
        p.q_tokens = 40;
        p.k_tokens = 70;
        p.q_lengths = {40, 0, 13};
        p.k_lengths = {70, 5, 29};
        p.q_starts = {30, 2, 7};
        for (const bool own : {false, true}) {
            give_lists(p, 2, own);
            expect_right(p);
        }
    }
}

TEST_P(EveryTier, MixesOfHeadsAgreeWithTheOracle) {
    const char *const mixes[] = {"heads(0-1=window:17|2-5=dense)",
                                 "heads(0=every:5|1-4=window:3+sink:4|5=strided:7)",
                                 "bidi/heads(0-2=mask:csr|3-5=global:list+local:3,3)",
                                 "heads(0-3=bigbird:8,3,2,1|4=topk:20|5=topk:20+window:4)",
                                 "heads(2=mask:pairs|3-5=mask:pairs+dilated:5,6)+window:2"};
    unsigned seed = 1;
    for (const char *mix : mixes) {
        for (const int kv_heads : {1, 2, 3, 6}) {
            Problem p;
            p.pattern = mix;
            p.heads = 6;
            p.kv_heads = kv_heads;
            p.q_tokens = 61;
            p.k_tokens = 75;
            p.seed = seed++;
            if (reads_lists(parse(mix))) give_lists(p, seed % 2 ? 1 : 6, false);
            expect_right(p);
        }
    }
}

// What no row lists may hold anything.
TEST_P(EveryTier, UnlistedKeysChangeNoBit) {
    for (const char *text : kListed) {
        Problem p;
        p.pattern = text;
        p.q_tokens = 30;
        p.k_tokens = 75;
        give_lists(p, 1, false);
        Tensors clean(p), poison(p);
        ASSERT_EQ(run(kernel(), p, clean), LAC_OK);
        const lac_pattern pattern = parse(text);
        const lac_shape shape = p.shape();
        for (int k = 0; k < p.k_tokens; k++) {
            bool seen = false;
            for (int q = 0; q < p.q_tokens; q++)
                seen |= lac_pattern_attends(&pattern, &shape, 0, 0, p.q_start(0) + q, k) != 0;
            for (int d = 0; !seen && d < p.head_dim; d++)
                poison.k.at(0, 0, k, d) = poison.v.at(0, 0, k, d) = NAN;
        }
        ASSERT_EQ(run(kernel(), p, poison), LAC_OK);
        EXPECT_EQ(bits(clean, p), bits(poison, p)) << text;
    }
}

// Only rows that list a key notice what it holds.
TEST_P(EveryTier, PoisonReachesOnlyRowsThatListIt) {
    for (const char *text : kListed) {
        for (const bool in_keys : {false, true}) {
            Problem p;
            p.pattern = text;
            p.q_tokens = p.k_tokens = 60;
            give_lists(p, 1, false);
            Tensors clean(p), poison(p);
            const int bad = 19;
            ASSERT_EQ(run(kernel(), p, clean), LAC_OK);
            (in_keys ? poison.k : poison.v).at(0, 0, bad, 2) =
                in_keys ? NAN : std::numeric_limits<float>::infinity();
            ASSERT_EQ(run(kernel(), p, poison), LAC_OK);
            const lac_pattern pattern = parse(text);
            const lac_shape shape = p.shape();
            for (int q = 0; q < p.q_tokens; q++) {
                const bool kept = lac_pattern_attends(&pattern, &shape, 0, 0, q, bad) != 0;
                for (int d = 0; d < p.value_dim; d++) {
                    const float got = poison.out.at(0, 0, q, d);
                    if (kept && (in_keys || d == 2))
                        EXPECT_FALSE(std::isfinite(got)) << text << " row " << q << " d " << d;
                    else
                        EXPECT_EQ(got, clean.out.at(0, 0, q, d)) << text << " row " << q;
                }
            }
        }
    }
}

INSTANTIATE_TEST_SUITE_P(All, EveryTier, testing::ValuesIn(runnable_tiers()));

}  // namespace
}  // namespace lacuna
