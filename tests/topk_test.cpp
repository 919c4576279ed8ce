// Lists chosen from candidates: every row as a stable sort has it, and errors with their place.
#include "runtime/topk.h"

#include <gtest/gtest.h>

#include "lacuna/lacuna.hpp"
#include "tests/candidates.h"
#include "tests/guarded.h"

namespace lacuna {
namespace {

struct Candidates {
    int32_t batch, heads, rows;
    std::vector<Row> row;
    std::vector<int64_t> starts;
    std::vector<int32_t> indices;
    std::vector<float> scores;

    lac_candidates view() {
        // Entries before the first row's are nobody's.
        starts = {3};
        indices = {-5, -5, -5};
        scores = {0, 0, 0};
        for (const Row &r : row) {
            indices.insert(indices.end(), r.indices.begin(), r.indices.end());
            scores.insert(scores.end(), r.scores.begin(), r.scores.end());
            starts.push_back(static_cast<int64_t>(indices.size()));
        }
        return {sizeof(lac_candidates), batch,          heads,        rows,
                starts.data(),          indices.data(), scores.data()};
    }
};

// Two sequences of 100 and 61 keys, the first with 40 queries, the second with 13.
struct Case {
    explicit Case(const TopkRule &r) : rule(r) {}
    int64_t last(int32_t b, int32_t row) const {
        return q_starts[b] + std::min((row + 1) * rule.tile, q_lengths[b]) - 1;
    }
    bool any(int32_t b, int32_t row) const { return row * rule.tile < q_lengths[b]; }
    int32_t rows() const { return (shape.q_tokens + rule.tile - 1) / rule.tile; }

    Candidates random_candidates(int32_t batch, int32_t heads, std::mt19937 &random) const {
        Candidates c{batch, heads, rows(), {}, {}, {}, {}};
        for (int32_t i = 0; i < batch * heads * rows(); i++) {
            const int32_t b = i / rows() / heads, r = i % rows();
            int64_t extent = INT64_MAX;
            for (int32_t s = batch == 1 ? 0 : b; s < (batch == 1 ? 2 : b + 1); s++) {
                if (!any(s, r)) continue;
                const int64_t keys = rule.bidi ? k_lengths[s] : last(s, r) + 1;
                extent = std::min(extent, (keys + rule.block - 1) / rule.block);
            }
            if (extent == INT64_MAX)
                c.row.push_back({{-7, 1 << 30}, {1, 2}});  // nobody's, and not to be read
            else
                c.row.push_back(random_row(extent, static_cast<int64_t>(random() % (extent + 1)),
                                           static_cast<int>(random() % 3), random));
        }
        return c;
    }

    TopkRule rule;
    int32_t q_lengths[2] = {40, 13}, k_lengths[2] = {100, 61}, q_starts[2] = {60, 20};
    lac_shape shape{sizeof(lac_shape), 2,         4,        2,       40,      100,
                    q_lengths,         k_lengths, q_starts, nullptr, nullptr, 0};
    lac_lists lists{};
    lac_list_error error{-9, -9, -9, -9, -9};

    lac_status select(const lac_candidates &c) {
        size_t bytes = 0;
        lac::check(topk_bytes(rule, shape, c, &bytes));
        memory = std::make_unique<Guarded>(bytes, Flush::kBack);
        std::memset(memory->data(), 0xa5, bytes);
        EXPECT_EQ(topk_select(rule, shape, c, memory->data(), bytes - 1, &lists, &error),
                  LAC_TOO_SMALL);
        return topk_select(rule, shape, c, memory->data(), bytes, &lists, &error);
    }
    std::unique_ptr<Guarded> memory;
};

const TopkRule kRules[] = {{1, 1, 9, 12, false}, {1, 1, 5, 5, true},   {7, 1, 20, 30, false},
                           {16, 8, 3, 4, false}, {64, 16, 1, 2, true}, {3, 100, 1, 1, false}};

TEST(TopkLists, RowsAreChosenOneByOne) {
    std::mt19937 random(3);
    for (const TopkRule &rule : kRules) {
        for (const int32_t batch : {1, 2}) {
            for (const int32_t heads : {1, 2, 4}) {
                Case c(rule);
                Candidates candidates = c.random_candidates(batch, heads, random);
                ASSERT_EQ(c.select(candidates.view()), LAC_OK)
                    << "tile " << rule.tile << " block " << rule.block;
                EXPECT_EQ(c.lists.size, sizeof(lac_lists));
                EXPECT_EQ(c.lists.batch, batch);
                EXPECT_EQ(c.lists.heads, heads);
                ASSERT_EQ(c.lists.rows, c.rows());
                ASSERT_EQ(c.lists.starts[0], 0);
                for (int32_t i = 0; i < batch * heads * c.rows(); i++) {
                    const int32_t b = i / c.rows() / heads, r = i % c.rows();
                    const bool read = c.any(b, r) || (batch == 1 && c.any(1, r));
                    const std::vector<int32_t> got(c.lists.indices + c.lists.starts[i],
                                                   c.lists.indices + c.lists.starts[i + 1]);
                    const RowLimits limits{rule.best, rule.most, 0, 0};
                    EXPECT_EQ(got, read ? by_sorting(candidates.row[static_cast<size_t>(i)], limits)
                                        : std::vector<int32_t>{});
                }
            }
        }
    }
}

// The border between present and future, of keys and of blocks.
TEST(TopkLists, KeysAheadOfARowsLastQueryAreRefused) {
    for (const TopkRule &rule : kRules) {
        for (int32_t row : {0, 1}) {
            Case c(rule);
            if (!c.any(1, row)) continue;
            Candidates candidates{2, 1, c.rows(), {}, {}, {}, {}};
            const auto rows = static_cast<size_t>(c.rows());
            candidates.row.resize(2 * rows);
            const auto now = static_cast<int32_t>(c.last(1, row) / rule.block);
            Row &spoilt = candidates.row[rows + static_cast<size_t>(row)];
            spoilt = {{now}, {0}};
            EXPECT_EQ(c.select(candidates.view()), LAC_OK);
            if ((now + 1) * rule.block >= c.k_lengths[1]) continue;
            spoilt = {{now, now + 1}, {0, 0}};
            const lac_status status = c.select(candidates.view());
            ASSERT_EQ(status, rule.bidi ? LAC_OK : LAC_LIST_FUTURE) << rule.tile;
            if (rule.bidi) continue;
            EXPECT_EQ(c.error.sequence, 1);
            EXPECT_EQ(c.error.head, 0);
            EXPECT_EQ(c.error.row, row);
            EXPECT_EQ(c.error.entry, 1);
            EXPECT_EQ(c.error.value, now + 1);
        }
    }
}

TEST(TopkLists, BlocksOfTheSequenceNotOfTheTensor) {
    Case c({64, 16, 2, 2, true});
    Candidates candidates{2, 2, 1, std::vector<Row>(4), {}, {}, {}};
    candidates.row[3] = {{3, 0}, {1, 1}};  // 61 keys: 4 blocks
    EXPECT_EQ(c.select(candidates.view()), LAC_OK);
    candidates.row[3] = {{3, 0, 4}, {1, 1, 1}};
    EXPECT_EQ(c.select(candidates.view()), LAC_LIST_RANGE);
    EXPECT_EQ(c.error.sequence, 1);
    EXPECT_EQ(c.error.head, 1);
    EXPECT_EQ(c.error.row, 0);
    EXPECT_EQ(c.error.entry, 2);
    EXPECT_EQ(c.error.value, 4);
    EXPECT_EQ(topk_select(c.rule, c.shape, candidates.view(), c.memory->data(), 1 << 12, &c.lists,
                          nullptr),
              LAC_LIST_RANGE);
}

TEST(TopkLists, ExtentsAndRowStartsAreChecked) {
    Case c({16, 1, 4, 4, false});
    Candidates candidates{2, 2, 3, std::vector<Row>(12, Row{{0}, {1}}), {}, {}, {}};
    const lac_candidates good = candidates.view();
    ASSERT_EQ(c.select(good), LAC_OK);
    const auto status = [&](const lac_candidates &x) {
        size_t bytes = 0;
        c.error = {-9, -9, -9, -9, -9};
        const lac_status s =
            topk_select(c.rule, c.shape, x, c.memory->data(), 1 << 12, &c.lists, &c.error);
        EXPECT_EQ(topk_bytes(c.rule, c.shape, x, &bytes), s);
        return s;
    };
    const struct {
        int32_t lac_candidates::*field;
        int32_t value;
    } extents[] = {{&lac_candidates::batch, 3}, {&lac_candidates::batch, 0},
                   {&lac_candidates::heads, 3}, {&lac_candidates::heads, 0},
                   {&lac_candidates::rows, 2},  {&lac_candidates::rows, 4}};
    for (const auto &e : extents) {
        lac_candidates bad = good;
        bad.*e.field = e.value;
        EXPECT_EQ(status(bad), LAC_BAD_LISTS);
    }
    lac_candidates bad = good;
    bad.size--;
    EXPECT_EQ(status(bad), LAC_BAD_ARGUMENT);
    bad = good;
    bad.scores = nullptr;
    EXPECT_EQ(status(bad), LAC_BAD_ARGUMENT);
    bad = good;
    bad.indices =
        reinterpret_cast<const int32_t *>(reinterpret_cast<const uint8_t *>(good.indices) + 1);
    EXPECT_EQ(status(bad), LAC_BAD_ALIGNMENT);
    candidates.starts[8] = candidates.starts[7] - 1;
    EXPECT_EQ(status(good), LAC_BAD_LISTS);
    EXPECT_EQ(c.error.sequence, 1);
    EXPECT_EQ(c.error.head, 0);
    EXPECT_EQ(c.error.row, 1);
    EXPECT_EQ(c.error.entry, 0);
    candidates.starts[0] = -1;
    EXPECT_EQ(status(good), LAC_BAD_LISTS);
    EXPECT_EQ(c.error.row, 0);
}

TEST(TopkLists, MemoryIsAligned) {
    Case c({16, 1, 4, 4, false});
    Candidates candidates{1, 1, 3, std::vector<Row>(3), {}, {}, {}};
    const lac::Memory memory(1 << 12);
    EXPECT_EQ(topk_select(c.rule, c.shape, candidates.view(),
                          static_cast<uint8_t *>(memory.data()) + 8, 4000, &c.lists, nullptr),
              LAC_BAD_ALIGNMENT);
}

TEST(TopkLists, APatternWithoutTopkIsRefused) {
    Case c({1, 1, 4, 4, false});
    Candidates candidates = {1, 1, 40, std::vector<Row>(40), {}, {}, {}};
    const lac_candidates view = candidates.view();
    const lac_pattern pattern = lac::pattern("window:9+sink:4");
    const lac::Memory memory(1 << 12);
    size_t bytes = 0;
    EXPECT_EQ(lac_topk_bytes(&pattern, &c.shape, &view, &bytes), LAC_BAD_PATTERN);
    EXPECT_EQ(lac_topk_select(&pattern, &c.shape, &view, memory.data(), 1 << 12, &c.lists, nullptr),
              LAC_BAD_PATTERN);
    EXPECT_EQ(lac_topk_bytes(nullptr, &c.shape, &view, &bytes), LAC_BAD_ARGUMENT);
    EXPECT_EQ(lac_topk_bytes(&pattern, nullptr, &view, &bytes), LAC_BAD_ARGUMENT);
    EXPECT_EQ(lac_topk_bytes(&pattern, &c.shape, nullptr, &bytes), LAC_BAD_ARGUMENT);
    EXPECT_EQ(lac_topk_bytes(&pattern, &c.shape, &view, nullptr), LAC_BAD_ARGUMENT);
}

}  // namespace
}  // namespace lacuna
