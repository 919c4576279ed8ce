// What autotune searches, and that it searches well: on a made landscape with the features that
// measured ones have, against random search with as many trials.
#include "cli/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "cli/tile_space.h"
#include "schedules/tile_text.h"

namespace lacuna {
namespace {

SpaceRequest avx2() {
    return {{16, 20, 16, 8, {300, 8, 4}}, 16, 128, 128, false, 12, {12, 6, 6, 1, 2, 1}};
}

TEST(TileSpace, HoldsEachTileOnceAndNoneThatSpills) {
    const SpaceRequest request = avx2();
    const std::vector<Tile> space = tile_space(request);
    std::set<std::string> texts;
    for (const Tile &t : space) {
        texts.insert(tile_text(t));
        Tile read{};
        ASSERT_TRUE(parse_tile(tile_text(t), read)) << tile_text(t);
        EXPECT_EQ(read, t);
        EXPECT_LE(t.rows * 16 * 21 * 4, 16384);
        EXPECT_LT(t.score_rows * t.score_panels * 2, 16);
        EXPECT_LT(t.value_rows * t.value_planes * 2 / t.plane_parts, 16);
    }
    EXPECT_EQ(texts.size(), space.size());
    EXPECT_TRUE(texts.count("12,6,6,1,2,1,1"));
    EXPECT_TRUE(texts.count("12,6,12,1,2,1,1,2"));
    EXPECT_GT(space.size(), 500U);
}

TEST(TileText, EarlierTilesHaveOnePanelInARegisterBlockAndWholePlanes) {
    Tile read{};
    ASSERT_TRUE(parse_tile("12,6,4,1,2,1", read));
    EXPECT_EQ(read, (Tile{12, 6, 4, 1, 2, 1, 1}));
    ASSERT_TRUE(parse_tile("12,6,4,1,2,1,streams", read));
    EXPECT_EQ(read, (Tile{12, 6, 4, 1, 2, 1, 1, true}));
    ASSERT_TRUE(parse_tile("12,6,4,1,2,1,2,streams", read));
    EXPECT_EQ(read, (Tile{12, 6, 4, 1, 2, 1, 2, true}));
    ASSERT_TRUE(parse_tile("12,6,4,1,2,1,2,4", read));
    EXPECT_EQ(read, (Tile{12, 6, 4, 1, 2, 1, 2, false, 4}));
    for (const char *bad :
         {"12,6,4,1,2", "12,6,4,1,2,1,", "12,6,4,1,2,1,0", "12,6,4,1,2,1,1,1", "12,6,4,1,2,1,1,0",
          "12,6,4,1,2,2,1,2", "12,6,4,1,2,1,1,2,streams", "12,6,4,1,2,1,1,2,2"})
        EXPECT_FALSE(parse_tile(bad, read)) << bad;
}

TEST(TileSpace, KeepsAStartThatNoRuleWouldMake) {
    SpaceRequest request = avx2();
    request.start = {12, 12, 12, 16, 16, 8};
    const std::vector<Tile> space = tile_space(request);
    EXPECT_NE(std::find(space.begin(), space.end(), request.start), space.end());
}

TEST(TileSpace, AStepHasNoMoreRowsThanATile) {
    SpaceRequest request = avx2();
    request.few = true;
    request.most_rows = 4;
    request.start = {4, 4, 4, 4, 2, 1, 1, true};
    for (const Tile &t : tile_space(request)) EXPECT_LE(t.rows, 4);
}

// Latency wants many accumulators and registers allow only so many; panels are read once for all
// rows of a tile; unrolling pays until the body is long.
double made_time(const Tile &t) {
    const auto block = [](double accumulators) {
        const double hidden = std::min(1.0, accumulators / 10);
        return 1 / hidden + 0.04 * std::max(0.0, accumulators - 12);
    };
    const double score = block(2 * t.score_rows * t.score_panels) *
                         (1 + 0.05 * std::abs(std::log2(t.score_unroll) - 1));
    const double planes = static_cast<double>(t.value_planes) / t.plane_parts;
    const double value = t.streams ? 1.35
                                   : block(2 * t.value_rows * planes) *
                                         (1 + 0.04 * std::abs(std::log2(t.value_unroll) - 2));
    return score + value + 3.0 / t.rows + 0.1 * std::abs(planes - 2);
}

double noise(std::mt19937 &random) {
    return std::exp(std::normal_distribution<double>(0, 0.01)(random));
}

// Times by the best there is.
double best_of_sampler(const std::vector<Tile> &space, unsigned seed, int trials) {
    std::mt19937 random(seed);
    Sampler sampler(space, seed);
    sampler.add(avx2().start, 1);
    double best = made_time(avx2().start);
    const double start = best;
    for (int done = 0; done < trials; done += 2) {
        for (const Tile &t : sampler.next(2)) {
            best = std::min(best, made_time(t));
            sampler.add(t, made_time(t) / start * noise(random));
        }
    }
    return best;
}

double best_of_random(std::vector<Tile> space, unsigned seed, int trials) {
    std::mt19937 random(seed);
    std::shuffle(space.begin(), space.end(), random);
    double best = made_time(avx2().start);
    for (int i = 0; i < trials; i++) best = std::min(best, made_time(space[i]));
    return best;
}

TEST(Sampler, BeatsRandomAtEqualTrials) {
    const std::vector<Tile> space = tile_space(avx2());
    double least = 1e9;
    for (const Tile &t : space) least = std::min(least, made_time(t));
    constexpr int kSeeds = 10, kTrials = 24;
    double sampled = 0, random = 0;
    int won = 0;
    for (unsigned seed = 1; seed <= kSeeds; seed++) {
        const double s = best_of_sampler(space, seed, kTrials) / least;
        const double r = best_of_random(space, seed, kTrials) / least;
        sampled += s / kSeeds;
        random += r / kSeeds;
        won += s <= r;
    }
    RecordProperty("sampled", std::to_string(sampled));
    RecordProperty("random", std::to_string(random));
    EXPECT_LT(sampled, 1.04);
    EXPECT_LT(sampled - 1, (random - 1) / 2) << random;
    EXPECT_GE(won, 9);
}

TEST(Sampler, HandsOutEachTileOnce) {
    SpaceRequest request = avx2();
    request.few = true;
    request.most_rows = 2;
    request.head_dim = request.value_dim = 2;
    request.start = {2, 2, 2, 1, 1, 1};
    const std::vector<Tile> space = tile_space(request);
    Sampler sampler(space, 1);
    std::set<std::string> seen;
    for (std::vector<Tile> batch = sampler.next(3); !batch.empty(); batch = sampler.next(3)) {
        for (const Tile &t : batch) {
            EXPECT_TRUE(seen.insert(tile_text(t)).second);
            seen.size() % 5 == 0 ? sampler.add_failed(t) : sampler.add(t, made_time(t));
        }
    }
    EXPECT_EQ(seen.size(), space.size());
    EXPECT_EQ(sampler.untried(), 0U);
}

}  // namespace
}  // namespace lacuna
