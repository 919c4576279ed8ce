// The random blocks of bigbird: a pure function, the same on every machine.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "lacuna/lacuna.hpp"
#include "tests/pair.h"

namespace lacuna {
namespace {

lac_atom atom_of(const char *text) { return lac::pattern(text).atom[0]; }

std::vector<int64_t> drawn(const lac_atom &a, int64_t head, int64_t row, int64_t count) {
    int64_t blocks[BigBird::kMaxRandom];
    const int n = BigBird::draw(a, head, row, count, blocks);
    return {blocks, blocks + n};
}

// Written down once: another machine, compiler or version must draw the same.
TEST(BigBird, DrawsTheSameBlocksEverywhere) {
    const lac_atom a = atom_of("bidi/bigbird:64,3,3,2");
    EXPECT_EQ(drawn(a, 0, 10, 64), (std::vector<int64_t>{12, 31, 33}));
    EXPECT_EQ(drawn(a, 1, 10, 64), (std::vector<int64_t>{1, 25, 52}));
    EXPECT_EQ(drawn(a, 0, 11, 64), (std::vector<int64_t>{13, 20, 44}));
    EXPECT_EQ(drawn(a, 0, 10, 63), (std::vector<int64_t>{26, 41, 56}));
    const lac_atom seeded = atom_of("bidi/bigbird:64,3,3,2,1");
    EXPECT_EQ(drawn(seeded, 0, 10, 64), (std::vector<int64_t>{12, 46, 47}));
}

TEST(BigBird, DrawsDistinctBlocksThatAreNeitherNearNorGlobal) {
    for (const char *text : {"bigbird:4,3,3,2", "bigbird:4,1,7,0", "bigbird:4,9,32,5,3"}) {
        const lac_atom a = atom_of(text);
        for (int64_t count = 1; count < 60; count++) {
            for (int64_t row = 0; row < count; row++) {
                int64_t free = 0;
                for (int64_t b = 0; b < count; b++)
                    free += !BigBird::is_global(a, b, count) && !BigBird::is_near(a, row, b);
                const std::vector<int64_t> blocks = drawn(a, 2, row, count);
                EXPECT_EQ(static_cast<int64_t>(blocks.size()), std::min<int64_t>(a.arg[2], free));
                EXPECT_EQ(std::set<int64_t>(blocks.begin(), blocks.end()).size(), blocks.size());
                EXPECT_TRUE(std::is_sorted(blocks.begin(), blocks.end()));
                for (const int64_t b : blocks) {
                    EXPECT_TRUE(b >= 0 && b < count);
                    EXPECT_FALSE(BigBird::is_global(a, b, count)) << text << " row " << row;
                    EXPECT_FALSE(BigBird::is_near(a, row, b)) << text << " row " << row;
                }
            }
        }
    }
}

// Over many rows every block is drawn about equally often.
TEST(BigBird, DrawsEvenly) {
    const lac_atom a = atom_of("bigbird:16,1,4,0");
    constexpr int64_t kCount = 64;
    std::vector<int> times(kCount, 0);
    for (int64_t head = 0; head < 64; head++)
        for (int64_t row = 0; row < kCount; row++)
            for (const int64_t b : drawn(a, head, row, kCount)) times[static_cast<size_t>(b)]++;
    for (const int t : times) EXPECT_NEAR(t, 64 * 4, 64);
}

TEST(BigBird, KeepsGlobalRowsAndColumnsWindowAndRandomBlocks) {
    const lac_pattern p = lac::pattern("bidi/bigbird:4,3,1,3");
    constexpr int64_t n = 46;  // 12 blocks, the last one short
    const auto kept = [&](int64_t q, int64_t k) { return attends_at(p, q, k, n); };
    for (int64_t i = 0; i < n; i++) {
        for (const int64_t global : {int64_t{0}, int64_t{7}, int64_t{44}, int64_t{45}}) {
            EXPECT_TRUE(kept(global, i)) << global << " sees all";
            EXPECT_TRUE(kept(i, global)) << global << " is seen by all";
        }
        int blocks = 0;
        for (int64_t b = 0; b < 12; b++) blocks += kept(i, b * 4);
        const int64_t row = i / 4;
        // Rows 2 and 10 have a global neighbour.
        if (row >= 3 && row <= 9) {
            EXPECT_EQ(blocks, 3 + 3 + 1) << "row " << row;
        }
    }
}

TEST(BigBird, IsNotCompiledIntoKernels) {
    EXPECT_FALSE(compiles(lac::pattern("window:4+bigbird:64,3,3,2")));
    EXPECT_TRUE(compiles(lac::pattern("window:4+block:64")));
}

}  // namespace
}  // namespace lacuna
