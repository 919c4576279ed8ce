// The tuned database: what is chosen, merged, logged, and what survives damage.
#include "cli/tuned.h"

#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "cli/bench_compare.h"
#include "cli/files.h"
#include "cli/tuned_store.h"
#include "cli/tuned_tiles.h"
#include "schedules/tile_text.h"
#include "tests/folder.h"

namespace lacuna {
namespace {

const Tile kTile{12, 6, 6, 1, 2, 1}, kOther{8, 4, 4, 2, 2, 1}, kThird{6, 6, 6, 1, 1, 1, 1, true};

TunedEntry entry(const std::string &cpu, const Tile &tile, const std::string &date = "2026-01-01",
                 int algorithm = kAlgorithmVersion) {
    return {{"k", "avx2", cpu, shape_class("prefill", 4096).name(), algorithm}, tile, 1.1, date};
}
const Wanted kWanted{"k", "avx2", "mine", "prefill", 3000};

TEST(Tuned, ShapeClassesCoverAllLengthsOnce) {
    EXPECT_EQ(shape_class("decode", 1).name(), "decode:1-512");
    EXPECT_EQ(shape_class("decode", 512).name(), "decode:1-512");
    EXPECT_EQ(shape_class("prefill", 513).name(), "prefill:513-2048");
    EXPECT_EQ(shape_class("prefill", 16385).name(), "prefill:16385-");
}

TEST(Tuned, TheUsersEntryComesFirstThenThisCpusThenAny) {
    const std::vector<TunedEntry> any{entry("other", kThird)},
        both{entry("other", kThird), entry("mine", kOther)}, user{entry("mine", kTile)};
    EXPECT_EQ(TunedDatabase(any, {}).choose(kWanted)->tile, kThird);
    EXPECT_EQ(TunedDatabase(both, {}).choose(kWanted)->tile, kOther);
    EXPECT_EQ(TunedDatabase(both, user).choose(kWanted)->tile, kTile);
    EXPECT_EQ(TunedDatabase(both, user).choose(kWanted)->from,
              "tuned for mine, prefill:2049-16384, user's");
    EXPECT_FALSE(TunedDatabase({}, any).choose(kWanted));  // the user's of another CPU
}

TEST(Tuned, OtherKernelsTiersShapesAndAlgorithmsDoNotApply) {
    const TunedDatabase database({entry("mine", kTile)}, {});
    EXPECT_TRUE(database.choose(kWanted));
    for (const Wanted &other :
         {Wanted{"l", "avx2", "mine", "prefill", 3000},
          Wanted{"k", "avx512", "mine", "prefill", 3000},
          Wanted{"k", "avx2", "mine", "decode", 3000}, Wanted{"k", "avx2", "mine", "prefill", 300}})
        EXPECT_FALSE(database.choose(other)) << other.kernel << other.phase << other.tokens;
    const TunedDatabase old({entry("mine", kTile, "2026-01-01", kAlgorithmVersion - 1)}, {});
    EXPECT_FALSE(old.choose(kWanted));
    EXPECT_EQ(old.stale(kWanted).size(), 1U);
    EXPECT_TRUE(database.stale(kWanted).empty());
}

TEST(Tuned, MergingKeepsTheLaterWhicheverWayRound) {
    const std::vector<TunedEntry> a{entry("x", kTile, "2026-01-01"), entry("y", kTile)},
        b{entry("x", kOther, "2026-01-02"), entry("z", kThird)};
    for (const auto &all : {merged(a, b), merged(b, a)}) {
        ASSERT_EQ(all.size(), 3U);
        EXPECT_EQ(all[0].tile, kOther);
    }
    EXPECT_EQ(tuned_json(parse_tuned(tuned_json(a), "a")), tuned_json(a));
}

TEST(Tuned, RefusesWhatIsNoDatabase) {
    const auto refusal = [](const std::string &text) {
        return refusal_of([&] { parse_tuned(text, "f.json"); });
    };
    EXPECT_NE(refusal("{").find("f.json: is no tuned database"), std::string::npos);
    EXPECT_NE(refusal(R"({"lacuna_tuned": 2, "entries": []})").find("format 2"), std::string::npos);
    EXPECT_NE(refusal(R"({"lacuna_tuned": 1, "entries": [{}]})").find("entry 0"),
              std::string::npos);
    std::string bad = tuned_json({entry("x", kTile)});
    bad.replace(bad.find("12,6,6"), 6, "12,5,6");
    EXPECT_NE(refusal(bad).find("entry 0.tile"), std::string::npos) << refusal(bad);
    EXPECT_TRUE(parse_tuned(tuned_json(builtin_tuned()), "built in").size() ==
                builtin_tuned().size());
}

class Store : public Folder {
protected:
    TunedStore store() const { return TunedStore(folder / "tuned"); }
    TrialRecord trial(const Tile &tile) const {
        return {entry("mine", tile).key, tile, "ok", 0.97, 1.5};
    }
    // This CPU's, found for 4,096 tokens.
    void put(const KernelSpec &kernel, const char *tier, const char *phase, const Tile &tile) {
        const TuneKey key{kernel.name(), tier, "mine", shape_class(phase, 4096).name(),
                          kAlgorithmVersion};
        store().prepare();
        store().put({{key, tile, 1.1, "2026-01-01"}});
    }
};

// A step's tile that is larger than a whole one falls away, and it alone.
TEST_F(Store, ATileTooLargeForAStepLeavesTheOther) {
    Tier tier{};
    tier.name = "avx2";
    tier.format = {16, 20, 16, 8, {300, 8, 4}};
    tier.tile = kTile;
    tier.few = {4, 4, 4, 4, 2, 1, 1, true};
    const KernelSpec kernel = make_kernel({}, 64, 0, std::nullopt, "test");
    const Tile small{6, 6, 6, 1, 2, 1}, large{8, 8, 8, 1, 2, 1};
    put(kernel, "avx2", "prefill", small);
    put(kernel, "avx2", "decode", large);
    ::setenv("LACUNA_TUNED", (folder / "tuned").c_str(), 1);
    TunedUse use;
    use.cpu = "mine";
    const Tiles tiles = tuned_tiles(use)(kernel, tier);
    ::unsetenv("LACUNA_TUNED");
    EXPECT_EQ(tiles.tile, small);
    EXPECT_EQ(tiles.few, tier.few);
    EXPECT_EQ(tiles.few_from, "default");
    EXPECT_NE(tiles.tile_from, "default");
}

// Two platforms have a tier neon, and what was tuned for one says nothing of the other.
TEST_F(Store, Arm32sNeonIsAnother) {
    const Platform &arm = *find_platform("arm-linux-gnueabihf"),
                   &arm64 = *find_platform("aarch64-linux-gnu");
    const KernelSpec kernel = make_kernel({}, 64, 0, std::nullopt, "test");
    put(kernel, "neon", "prefill", kTile);
    put(kernel, "armv7", "prefill", kOther);
    ::setenv("LACUNA_TUNED", (folder / "tuned").c_str(), 1);
    TunedUse use;
    use.cpu = "mine";
    use.platform = &arm;
    EXPECT_EQ(tuned_tiles(use)(kernel, *find_tier(arm, "neon")).tile, kOther);
    use.platform = &arm64;
    EXPECT_EQ(tuned_tiles(use)(kernel, *find_tier(arm64, "neon")).tile, kTile);
    ::unsetenv("LACUNA_TUNED");
}

TEST_F(Store, ALineTellsDamage) {
    const std::string line = trial_line(trial(kThird));
    const auto read = parse_trial(line.substr(0, line.size() - 1));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->tile, kThird);
    EXPECT_EQ(read->ratio, 0.97);
    EXPECT_FALSE(parse_trial(line.substr(0, line.size() / 2)));
    std::string changed = line;
    changed.replace(changed.find("0.97"), 4, "0.17");
    EXPECT_FALSE(parse_trial(changed));
    for (const char *other : {"", "[]", "7", "{\"hash\": 3}"}) EXPECT_FALSE(parse_trial(other));
}

TEST_F(Store, ObjectivesNeverMix) {
    TrialRecord counted = trial(kOther);
    counted.objective = "instructions";
    counted.value = 123456789;
    store().prepare();
    store().append(trial(kTile));
    store().append(counted);
    EXPECT_EQ(read_file(store().log_file()).find("\"ms\":123456789"), std::string::npos);
    for (const TrialRecord &want : {trial(kTile), counted}) {
        const auto found = store().trials(want.key, want.objective).records;
        ASSERT_EQ(found.size(), 1U) << want.objective;
        EXPECT_EQ(found[0].tile, want.tile);
        EXPECT_EQ(found[0].value, want.value);
    }
    EXPECT_TRUE(store().trials(counted.key, "cycles").records.empty());
}

TEST_F(Store, ALineOfAnEarlierVersionIsOfTime) {
    const auto read = parse_trial(
        R"({"kernel":"k","tier":"avx2","cpu":"mine","shape":"prefill:2049-16384","algorithm":2,)"
        R"("tile":"12,6,6,1,2,1,1","state":"ok","ratio":0.97,"ms":1.5,"hash":"041feb9d54ba"})");
    ASSERT_TRUE(read);
    EXPECT_EQ(read->objective, "time");
    EXPECT_EQ(read->value, 1.5);
}

TEST_F(Store, DamagedLinesAreSetAsideAndTheRestStays) {
    store().prepare();
    store().append(trial(kTile));
    const std::string log = store().log_file(), cut = trial_line(trial(kOther)).substr(0, 40);
    std::ofstream(log, std::ios::app) << cut;  // as a kill in a write leaves it
    store().append(trial(kThird));             // starts a line of its own
    const auto found = store().trials(trial(kTile).key, "time");
    EXPECT_EQ(found.damaged, 1U);
    ASSERT_EQ(found.records.size(), 2U);
    EXPECT_EQ(found.records[1].tile, kThird);
    EXPECT_EQ(read_file(store().damaged_file()), cut + "\n");
    EXPECT_EQ(store().trials(trial(kTile).key, "time").damaged, 0U);
    EXPECT_EQ(store().trials(entry("other", kTile).key, "time").records.size(), 0U);
}

TEST_F(Store, ManyWritersLoseNothing) {
    store().prepare();
    constexpr int kWriters = 4, kEach = 25;
    std::vector<pid_t> children;
    for (int w = 0; w < kWriters; w++) {
        children.push_back(::fork());
        if (children.back() != 0) continue;
        for (int i = 0; i < kEach; i++) {
            store().append(trial(kTile));
            store().put({entry("cpu" + std::to_string(w * kEach + i), kTile)});
            if (i % 5 == 0) store().trials(trial(kTile).key, "time");
        }
        ::_exit(0);
    }
    for (const pid_t child : children) {
        int status = 0;
        ::waitpid(child, &status, 0);
        EXPECT_EQ(status, 0);
    }
    const auto found = store().trials(trial(kTile).key, "time");
    EXPECT_EQ(found.records.size(), static_cast<size_t>(kWriters * kEach));
    EXPECT_EQ(found.damaged, 0U);
    EXPECT_EQ(store().entries().size(), static_cast<size_t>(kWriters * kEach));
}

TEST_F(Store, AFullDiskIsAFailure) {
    std::filesystem::create_directory(folder / "tuned");
    std::filesystem::create_symlink("/dev/full", store().log_file());
    const std::string said = refusal_of([&] { store().append(trial(kTile)); });
    EXPECT_NE(said.find("No space left"), std::string::npos) << said;
}

TEST(Compare, MannWhitney) {
    std::vector<double> a, b, mixed;
    for (int i = 0; i < 10; i++) {
        a.push_back(i);
        b.push_back(10 + i);
        mixed.push_back(i + (i % 2 ? 0.5 : -0.5));
    }
    EXPECT_NEAR(mann_whitney(a, b), 1.83e-4, 1e-5);  // scipy.stats.mannwhitneyu, asymptotic
    EXPECT_EQ(mann_whitney(a, b), mann_whitney(b, a));
    EXPECT_GT(mann_whitney(a, mixed), 0.5);
    EXPECT_EQ(mann_whitney({1, 1, 1}, {1, 1, 1}), 1);
}

}  // namespace
}  // namespace lacuna
