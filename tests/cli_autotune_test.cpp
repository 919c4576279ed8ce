// lacuna autotune, with few trials of a small kernel.
#include "cli/tuned_store.h"
#include "schedules/tile_text.h"
#include "tests/cli_fixture.h"

namespace lacuna {
namespace {

const std::string kTune =
    "autotune --pattern window:8 --head-dim 16 --tokens 600 --tier sse41 --budget 60 --quiet ";
const std::string kGenerate =
    "generate --pattern window:8 --head-dim 16 --tiers sse41 --tokens 600 --json --quiet -o out ";

class CliAutotune : public Cli {
protected:
    void SetUp() override {
        Cli::SetUp();
        ::setenv("LACUNA_TUNED", at("tuned").c_str(), 1);
    }
    void TearDown() override {
        ::unsetenv("LACUNA_TUNED");
        Cli::TearDown();
    }
    TunedStore store() const { return TunedStore(at("tuned")); }
    std::string log() const {
        std::ifstream file(store().log_file());
        return {std::istreambuf_iterator<char>(file), {}};
    }
    json tier_of(const std::string &options = "") const {
        return parsed(kGenerate + options)["kernels"][0]["tiers"][0];
    }
    TunedEntry entry(const std::string &cpu, const std::string &shape = "prefill:513-2048") const {
        return {{"lac_attention_window_8_f32_d16", "sse41", cpu, shape, kAlgorithmVersion},
                {8, 4, 4, 2, 2, 1},
                1.2,
                "2026-01-01T00:00:00Z"};
    }
};

TEST_F(CliAutotune, LogsEachTrialOnceAndGoesOn) {
    const json first = parsed(kTune + "--trials 3 --json");
    EXPECT_EQ(first["kernel"], "lac_attention_window_8_f32_d16");
    EXPECT_EQ(first["tier"], "sse41");
    EXPECT_EQ(first["shape"], "prefill:513-2048");
    EXPECT_EQ(first["start"], "16,4,4,1,1,1,1");
    EXPECT_EQ(first["trials"], 3);
    EXPECT_EQ(first["resumed"], 0);
    EXPECT_EQ(first["failed"], 0);
    EXPECT_GE(first["gain"], 1);
    const json second = parsed(kTune + "--trials 2 --json");
    EXPECT_EQ(second["trials"], 2);
    EXPECT_EQ(second["resumed"], 3);
    std::istringstream lines(log());
    std::set<std::string> tiles;
    for (std::string line; std::getline(lines, line);) {
        const auto trial = parse_trial(line);
        ASSERT_TRUE(trial) << line;
        EXPECT_EQ(trial->state, "ok");
        EXPECT_GT(trial->ratio, 0.05);
        EXPECT_LT(trial->ratio, 20);
        tiles.insert(tile_text(trial->tile));
    }
    EXPECT_EQ(tiles.size(), 5U);
    // Generate takes what was found, or the start.
    EXPECT_EQ(
        tier_of()["tile"], second["improved"] == true ? second["tile"] : [&] {
            return first["improved"] == true ? first["tile"] : first["start"];
        }());
}

TEST_F(CliAutotune, AnInterruptKeepsAllAndSaysHowToGoOn) {
    const std::string command = "cd " + folder.string() +
                                " && timeout --preserve-status -s INT 4 " + LACUNA_TOOL + " " +
                                kTune + ">out 2>err";
    const int status = std::system(command.c_str());
    EXPECT_EQ(WEXITSTATUS(status), kFinding);
    std::ifstream err(at("err"));
    const std::string said{std::istreambuf_iterator<char>(err), {}};
    EXPECT_NE(said.find("the same command goes on from there"), said.npos) << said;
    std::istringstream lines(log());
    for (std::string line; std::getline(lines, line);) EXPECT_TRUE(parse_trial(line)) << line;
}

TEST_F(CliAutotune, GenerateTakesEntriesAndSaysSo) {
    put("cpu.json", tuned_json({entry("a CPU"), entry("b CPU", "decode:513-2048")}));
    EXPECT_EQ(call("autotune --import cpu.json").code, 0);
    EXPECT_EQ(tier_of()["tile_from"], "default");
    put("one.json", tuned_json({entry("aCPU"), entry("aCPU", "decode:513-2048")}));
    EXPECT_EQ(call("autotune --import one.json").code, 0);
    const json tier = tier_of("--cpu aCPU");
    EXPECT_EQ(tier["tile"], "8,4,4,2,2,1,1");
    EXPECT_EQ(tier["tile_rows"], 8);
    EXPECT_EQ(tier["tile_from"], "tuned for aCPU, prefill:513-2048, user's");
    EXPECT_EQ(tier["few_from"], "tuned for aCPU, decode:513-2048, user's");
    for (const char *without : {"--cpu aCPU --tuned builtin", "--cpu aCPU --tuned none"})
        EXPECT_EQ(tier_of(without)["tile"], "16,4,4,1,1,1,1");
}

TEST_F(CliAutotune, StaleEntriesAreIgnoredAndNamed) {
    TunedEntry old = entry("aCPU");
    old.key.algorithm = kAlgorithmVersion + 1;
    put("old.json", tuned_json({old}));
    EXPECT_EQ(call("autotune --import old.json").code, 0);
    const Ended ended = call(
        "generate --pattern window:8 --head-dim 16 --tiers sse41 --tokens 600 -o out --cpu aCPU");
    EXPECT_EQ(ended.code, 0) << ended.err;
    EXPECT_NE(ended.err.find("ignored; lacuna autotune makes another"), ended.err.npos)
        << ended.err;
}

TEST_F(CliAutotune, ExportsAndMerges) {
    TunedEntry later = entry("aCPU");
    later.date = "2026-02-02T00:00:00Z";
    later.tile.rows = 4;
    put("a.json", tuned_json({entry("aCPU")}));
    put("b.json", tuned_json({later, entry("bCPU")}));
    EXPECT_EQ(call("autotune --merge a.json,b.json --export all.json").code, 0);
    EXPECT_EQ(call("autotune --import all.json --export user.json").code, 0);
    std::ifstream all(at("all.json")), user(at("user.json"));
    const json merged = json::parse(all);
    EXPECT_EQ(json::parse(user), merged);
    ASSERT_EQ(merged["entries"].size(), 2U);
    EXPECT_EQ(merged["entries"][0]["tile"], "4,4,4,2,2,1,1");
}

TEST_F(CliAutotune, RefusesWhatCannotWork) {
    const auto expect = [this](const std::string &arguments, int code, const std::string &part) {
        const Ended ended = call(arguments);
        EXPECT_EQ(ended.code, code) << arguments;
        EXPECT_NE(ended.err.find(part), ended.err.npos) << ended.err;
    };
    expect("autotune", kUsage, "--pattern is required");
    expect("autotune --pattern dense --budget soon", kUsage, "--budget soon: expected a time");
    expect("autotune --pattern dense --phase verify", kUsage, "expected prefill or decode");
    expect("autotune --pattern dense --tier avx9", kUnsupportedTarget, "this CPU runs ");
    expect("autotune --pattern mask:csr", kUsage, "reads lists");
    expect("autotune --merge a.json", kUsage, "expected --export");
    expect("autotune --import none.json", kBadInput, "none.json: cannot open");
    put("bad.json", "{}");
    expect("autotune --import bad.json", kBadInput, "bad.json: is no tuned database");
    put("tuned", "a file");
    expect(kTune, kBadInput, "cannot make the directory");
}

}  // namespace
}  // namespace lacuna
