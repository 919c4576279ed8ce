// Masks and positions in files: the lists made from them keep exactly the pairs they show.
#include <algorithm>
#include <fstream>

#include "bench/random_lists.h"
#include "cli/errors.h"
#include "cli/list_files.h"
#include "cli/pattern_option.h"
#include "tests/folder.h"
#include "tests/npy_file.h"

namespace lacuna {
namespace {

constexpr int32_t kBatch = 2, kHeads = 4, kKvHeads = 2, kQueries = 7, kKeys = 19, kStart = 10;

class ListFilesTest : public Folder {
protected:
    lac_shape shape() const {
        return {sizeof(lac_shape), kBatch,  kHeads,  kKvHeads, kQueries, kKeys,
                nullptr,           nullptr, starts_, nullptr,  nullptr,  0};
    }
    std::string put(const std::string &name, const std::string &bytes) const {
        std::ofstream(at(name), std::ios::binary) << bytes;
        return at(name);
    }
    // Makes the lists; the message without the folder.
    std::string refusal(const std::string &text, const std::string &mask_bytes,
                        const std::string &globals_bytes = "") {
        const lac_pattern pattern = parse_pattern_option(text);
        const std::string mask = mask_bytes.empty() ? "" : put("m.npy", mask_bytes);
        const std::string globals = globals_bytes.empty() ? "" : put("g.npy", globals_bytes);
        const std::string message = refusal_of([&] {
            Lists lists;
            make_lists(read_list_files(pattern, mask, globals), pattern, shape(), lists);
        });
        const size_t name = message.rfind('/', message.find(".npy"));
        return name == std::string::npos ? message : message.substr(name + 1);
    }

    // For each pair: does the pattern with the lists attend exactly where `keeps` says so?
    template <class Keeps>
    void expect_pairs(const std::string &text, const std::string &mask, const std::string &globals,
                      Keeps keeps) {
        const lac_pattern pattern = parse_pattern_option(text);
        Lists lists;
        lac_shape with = shape();
        make_lists(read_list_files(pattern, mask.empty() ? "" : put("m.npy", mask),
                                   globals.empty() ? "" : put("g.npy", globals)),
                   pattern, with, lists);
        with.lists = lists.get();
        for (int32_t i = 0; i < kBatch * kHeads * kQueries * kKeys; i++) {
            const int32_t k = i % kKeys, q = i / kKeys % kQueries;
            const int32_t unit = i / kKeys / kQueries, h = unit % kHeads, b = unit / kHeads;
            const bool wanted = (pattern.bidi || k <= kStart + q) && keeps(b, h, q, k);
            ASSERT_EQ(lac_pattern_attends(&pattern, &with, b, h, kStart + q, k) != 0, wanted)
                << text << ": sequence " << b << ", head " << h << ", query " << q << ", key " << k;
        }
    }

    const int32_t starts_[kBatch] = {kStart, kStart};
};

// No two rows, heads or sequences alike.
bool scattered(int64_t list, int64_t q, int64_t k) {
    return (list * 7 + q * 5 + k * k * 3 + q * k) % 4 == 0;
}

TEST_F(ListFilesTest, KeepsThePairsOfTheMask) {
    for (const char *text : {"mask:csr", "mask:pairs", "bidi/mask:csr", "bidi/mask:pairs",
                             "bidi/mask:blocks,1", "topk:19", "topk:3,cap=19"}) {
        // A router must not choose ahead of its query.
        const bool trim = text[0] == 't';
        const auto mask = [&](int64_t list, int64_t q, int64_t k) {
            return scattered(list, q, k) && !(trim && k > kStart + q);
        };
        expect_pairs(text, mask_file({kQueries, kKeys}, mask), "",
                     [&](int, int, int q, int k) { return mask(0, q, k); });
        expect_pairs(text, mask_file({1, kQueries, kKeys}, mask), "",
                     [&](int, int, int q, int k) { return mask(0, q, k); });
        expect_pairs(text, mask_file({kKvHeads, kQueries, kKeys}, mask), "",
                     [&](int, int h, int q, int k) { return mask(h / 2, q, k); });
        expect_pairs(text, mask_file({kHeads, kQueries, kKeys}, mask), "",
                     [&](int, int h, int q, int k) { return mask(h, q, k); });
        expect_pairs(text, mask_file({kBatch, kKvHeads, kQueries, kKeys}, mask), "",
                     [&](int b, int h, int q, int k) { return mask(b * 2 + h / 2, q, k); });
    }
}

// Block rows count positions, rows of topk the queries of the tensor.
TEST_F(ListFilesTest, BlocksAreWholeWhereQueriesSeeThem) {
    const auto by_position = [](int64_t list, int64_t q, int64_t k) {
        return scattered(list, (kStart + q) / 4, k / 4);
    };
    const auto trimmed = [&](int64_t list, int64_t q, int64_t k) {
        return k <= kStart + q && by_position(list, q, k);
    };
    for (const char *text : {"mask:blocks,4", "bidi/mask:blocks,4"})
        expect_pairs(text, mask_file({kHeads, kQueries, kKeys}, by_position), "",
                     [&](int, int h, int q, int k) { return by_position(h, q, k); });
    expect_pairs("mask:blocks,4", mask_file({kHeads, kQueries, kKeys}, trimmed), "",
                 [&](int, int h, int q, int k) { return by_position(h, q, k); });
    const auto by_row = [](int64_t list, int64_t q, int64_t k) {
        return k / 4 <= (kStart + q / 3 * 3) / 4 && scattered(list, q / 3, k / 4);
    };
    expect_pairs("topk:99,tile=3,block=4", mask_file({kHeads, kQueries, kKeys}, by_row), "",
                 [&](int, int h, int q, int k) { return by_row(h, q, k); });
}

TEST_F(ListFilesTest, GlobalsAreRowsAndColumns) {
    const auto among = [](const std::vector<int> &all, int x) {
        return std::count(all.begin(), all.end(), x) > 0;
    };
    const std::vector<int> one{0, 11, 18}, other{1, 2, 12};
    expect_pairs("bidi/global:list", "", npy_file<int32_t>("<i4", {3}, {0, 11, 18}),
                 [&](int, int, int q, int k) { return among(one, k) || among(one, kStart + q); });
    expect_pairs("global:list", "", npy_file<int64_t>("<i8", {2, 3}, {0, 11, 18, 1, 2, 12}),
                 [&](int b, int, int q, int k) {
                     const auto &mine = b == 0 ? one : other;
                     return among(mine, k) || among(mine, kStart + q);
                 });
    for (const std::vector<int64_t> &none : {std::vector<int64_t>{0}, std::vector<int64_t>{2, 0}})
        expect_pairs("window:2+global:list", "", npy_file<int32_t>("<i4", none, {}),
                     [&](int, int, int q, int k) { return kStart + q - k < 2; });
}

TEST_F(ListFilesTest, SaysWhereAListIsWrong) {
    const auto none = [](int64_t, int64_t, int64_t) { return false; };
    const auto ragged = [](int64_t list, int64_t q, int64_t k) {
        return list == 3 && q < 2 && k >= 4 && k < 7;
    };
    EXPECT_EQ(refusal("mask:blocks,4", mask_file({2, 2, kQueries, kKeys}, ragged)),
              "m.npy: of block (2, 1) of head 1 of sequence 1, queries 0 to 1 and keys 4 to 7, 6 "
              "of 8 pairs are true; mask:blocks,4 takes all or none");
    EXPECT_EQ(refusal("topk:2", mask_file({2, 2, kQueries, kKeys}, ragged)),
              "m.npy: row 0 of head 1 of sequence 1 keeps 3 keys, expected at most 2 of topk:2");
    const auto ahead = [](int64_t, int64_t q, int64_t k) { return q == 3 && k == 14; };
    EXPECT_EQ(refusal("topk:2", mask_file({kQueries, kKeys}, ahead)),
              "m.npy: row 3 of head 0 of sequence 0 keeps key 14, which lies ahead of its queries");
    EXPECT_EQ(refusal("bidi/topk:2", mask_file({kQueries, kKeys}, ahead)), "");
    EXPECT_EQ(refusal("mask:csr", mask_file({6, kKeys}, none)), "m.npy: 6 queries, expected 7");
    EXPECT_EQ(refusal("mask:csr", mask_file({kQueries, 20}, none)), "m.npy: 20 keys, expected 19");
    EXPECT_EQ(refusal("mask:csr", mask_file({3, kQueries, kKeys}, none)),
              "m.npy: 3 heads, expected 1, the 2 KV heads or the 4 query heads");
    EXPECT_EQ(refusal("mask:csr", mask_file({3, 1, kQueries, kKeys}, none)),
              "m.npy: 3 sequences, expected 1 or 2");
    EXPECT_EQ(refusal("mask:csr", npy_file<char>("|b1", {133}, std::vector<char>(133))),
              "m.npy: shape (133,), expected [queries, keys], [heads, queries, keys] or [batch, "
              "heads, queries, keys]");
}

TEST_F(ListFilesTest, SaysWhichPositionIsWrong) {
    const auto positions = [&](const std::vector<int64_t> &shape, const std::vector<int64_t> &all) {
        return refusal("global:list", "", npy_file("<i8", shape, all));
    };
    EXPECT_EQ(positions({3}, {0, 4, 19}),
              "g.npy: entry 2 of sequence 0 is 19, expected below 19 tokens");
    EXPECT_EQ(positions({2, 2}, {0, 4, 1, int64_t{1} << 32}),
              "g.npy: entry 1 of sequence 1 is 4294967296, expected below 19 tokens");
    EXPECT_EQ(positions({2, 2}, {0, 4, -1, 5}),
              "g.npy: entry 0 of sequence 1 is -1, expected a position of 0 or more");
    EXPECT_EQ(positions({3}, {0, 4, 4}),
              "g.npy: entry 2 of sequence 0 is 4, as the entry before it");
    EXPECT_EQ(positions({3}, {0, 4, 2}),
              "g.npy: entry 2 of sequence 0 is 2, less than the entry before it: expected "
              "ascending positions");
    EXPECT_EQ(positions({3, 1}, {0, 4, 2}), "g.npy: 3 sequences, expected 1 or 2");
    EXPECT_EQ(positions({1, 1, 1}, {0}),
              "g.npy: shape (1, 1, 1), expected positions as [count] or [batch, count]");
}

// A row of random lists, as numbers.
std::vector<int32_t> row_of(const lac_lists &lists, int64_t row) {
    return {lists.indices + lists.starts[row], lists.indices + lists.starts[row + 1]};
}

TEST_F(ListFilesTest, RandomRowsHoldTheirShareOfWhatIsInSight) {
    const lac_pattern pattern = parse_pattern_option("mask:csr");
    Lists lists;
    make_random_lists({0.5, false, kHeads, 0}, pattern, shape(), lists);
    ASSERT_EQ(lists.get()->heads, kHeads);
    for (int32_t h = 0; h < kHeads; h++) {
        for (int32_t q = 0; q < kQueries; q++) {
            const std::vector<int32_t> row = row_of(*lists.get(), h * kQueries + q);
            EXPECT_EQ(row.size(), static_cast<size_t>((kStart + q + 2) / 2));
            EXPECT_LE(row.back(), kStart + q);
        }
    }
    EXPECT_NE(row_of(*lists.get(), 0), row_of(*lists.get(), kQueries));
    Lists pairs;
    make_random_lists({0.5, false, 1, 0}, parse_pattern_option("mask:pairs"), shape(), pairs);
    EXPECT_EQ(pairs.entries() * kHeads, lists.entries());
}

TEST_F(ListFilesTest, RandomRowsOfTopkHoldKKeys) {
    Lists lists;
    make_random_lists({{}, false, 1, 0}, parse_pattern_option("topk:8,tile=2,block=4"), shape(),
                      lists);
    for (int row = 0; row < 4; row++) EXPECT_EQ(row_of(*lists.get(), row).size(), 2U);
    Lists wide;
    make_random_lists({{}, false, 1, 0}, parse_pattern_option("bidi/topk:99"), shape(), wide);
    for (int row = 0; row < kQueries; row++) EXPECT_EQ(row_of(*wide.get(), row).size(), 19U);
}

TEST_F(ListFilesTest, ClustersAreRunsOfSixteenKeys) {
    const lac_shape shape{sizeof(lac_shape), 1,       1,       1,       256,     256,
                          nullptr,           nullptr, nullptr, nullptr, nullptr, 0};
    Lists lists;
    make_random_lists({0.25, true, 1, 0}, parse_pattern_option("bidi/mask:csr"), shape, lists);
    for (int row = 0; row < 256; row++) {
        const std::vector<int32_t> keys = row_of(*lists.get(), row);
        ASSERT_EQ(keys.size(), 64U);
        for (size_t i = 0; i < keys.size(); i++)
            ASSERT_EQ(keys[i], keys[i / 16 * 16] / 16 * 16 + static_cast<int32_t>(i % 16));
    }
}

TEST_F(ListFilesTest, GlobalPositionsAreSpreadEvenly) {
    Lists lists;
    make_random_lists({{}, false, 1, 3}, parse_pattern_option("global:list"), shape(), lists);
    const lac_lists &made = *lists.get();
    EXPECT_EQ(std::vector<int32_t>(made.globals, made.globals + made.global_count),
              (std::vector<int32_t>{0, 6, 12}));
}

}  // namespace
}  // namespace lacuna
