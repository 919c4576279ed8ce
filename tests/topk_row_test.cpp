// Choosing the best entries of one row, against a stable sort.
#include <gtest/gtest.h>

#include "tests/candidates.h"
#include "tests/guarded.h"

namespace lacuna {
namespace {

// A set with its memory, which lasts over rows as it does in the runtime.
struct OwnSet {
    explicit OwnSet(int64_t extent)
        : bits(static_cast<size_t>(IndexSet::words(extent))),
          summary(static_cast<size_t>(IndexSet::words(IndexSet::words(extent)))),
          set(bits.data(), summary.data(), extent) {}
    bool empty() const {
        const auto zero = [](uint64_t x) { return x == 0; };
        return std::all_of(bits.begin(), bits.end(), zero) &&
               std::all_of(summary.begin(), summary.end(), zero);
    }
    std::vector<uint64_t> bits, summary;
    IndexSet set;
};

void expect_as_sorted(const Row &row, const RowLimits &limits, OwnSet &own) {
    const std::vector<int32_t> want = by_sorting(row, limits);
    const Guarded chosen(want.size() * sizeof(int32_t), Flush::kBack);
    auto *got = static_cast<int32_t *>(chosen.data());
    const RowResult result = select_row(row.view(), limits, own.set, got);
    ASSERT_EQ(result.status, LAC_OK);
    ASSERT_EQ(result.count, static_cast<int64_t>(want.size()));
    ASSERT_TRUE(std::equal(want.begin(), want.end(), got));
}

TEST(TopkRow, HundredThousandRandomRowsAreAsSorted) {
    std::mt19937 random(1);
    constexpr int64_t kExtent = 150;
    OwnSet own(kExtent);
    int cut = 0;
    for (int i = 0; i < 100000; i++) {
        const auto best = static_cast<int64_t>(1 + random() % 40);
        const int64_t most = best + static_cast<int64_t>(random() % 20);
        const int64_t lengths[] = {
            0, 1, best, most, most + 1, kExtent, static_cast<int64_t>(random() % kExtent)};
        const int64_t count = lengths[random() % std::size(lengths)];
        const Row row = random_row(kExtent, count, i % 5, random);
        const std::vector<int32_t> want = by_sorting(row, {best, most, kExtent, kExtent});
        std::vector<int32_t> got(static_cast<size_t>(most) + 1, -1);
        const RowResult result =
            select_row(row.view(), {best, most, kExtent, kExtent}, own.set, got.data());
        ASSERT_EQ(result.status, LAC_OK);
        ASSERT_EQ(got[static_cast<size_t>(result.count)], -1) << "wrote past its entries";
        got.resize(static_cast<size_t>(result.count));
        ASSERT_EQ(got, want) << "row " << i << ": " << count << " entries, best " << best
                             << ", most " << most;
        ASSERT_TRUE(own.empty()) << "row " << i;
        cut += count > most;
    }
    EXPECT_GT(cut, 30000);
}

TEST(TopkRow, ThousandsOfEntriesInALongSequence) {
    std::mt19937 random(2);
    constexpr int64_t kExtent = 100003;
    OwnSet own(kExtent);
    for (int kind = 0; kind < 5; kind++) {
        for (const int64_t count : {255, 256, 257, 300, 301, 5000, 60000}) {
            const Row row = random_row(kExtent, count, kind, random);
            expect_as_sorted(row, {256, 300, kExtent, kExtent}, own);
            expect_as_sorted(row, {1, 1, kExtent, kExtent}, own);
        }
    }
}

TEST(TopkRow, ZerosAreEqualAndNaNIsLast) {
    OwnSet own(100);
    const RowLimits two{2, 2, 100, 100};
    expect_as_sorted({{9, 4, 7}, {0.0f, -0.0f, -0.0f}}, two, own);
    int32_t got[2] = {};
    const Row zeros{{9, 4, 7}, {0.0f, -0.0f, -0.0f}};
    ASSERT_EQ(select_row(zeros.view(), two, own.set, got).count, 2);
    EXPECT_EQ(got[0], 4);
    EXPECT_EQ(got[1], 7);
    const Row nans{{1, 2, 3, 4}, {NAN, -kInfinity, -NAN, -3e38f}};
    ASSERT_EQ(select_row(nans.view(), two, own.set, got).count, 2);
    EXPECT_EQ(got[0], 2);
    EXPECT_EQ(got[1], 4);
}

TEST(TopkRow, NamesTheFirstEntryThatIsWrong) {
    const RowLimits limits{2, 3, 90, 70};
    const struct {
        std::vector<int32_t> indices;
        lac_status status;
        int64_t entry;
    } cases[] = {{{5, -1, 5}, LAC_LIST_RANGE, 1},         {{INT32_MIN}, LAC_LIST_RANGE, 0},
                 {{INT32_MAX}, LAC_LIST_RANGE, 0},        {{1, 2, 90}, LAC_LIST_RANGE, 2},
                 {{1, 2, 89}, LAC_LIST_FUTURE, 2},        {{69, 70}, LAC_LIST_FUTURE, 1},
                 {{3, 4, 5, 6, 3}, LAC_LIST_REPEATED, 4}, {{0, 64, 64}, LAC_LIST_REPEATED, 2}};
    for (const auto &c : cases) {
        OwnSet own(90);
        const Row row{c.indices, std::vector<float>(c.indices.size(), 1.0f)};
        int32_t chosen[3];
        const RowResult result = select_row(row.view(), limits, own.set, chosen);
        EXPECT_EQ(result.status, c.status);
        EXPECT_EQ(result.count, c.entry);
    }
}

}  // namespace
}  // namespace lacuna
