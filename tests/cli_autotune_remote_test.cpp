// lacuna autotune for another machine: an emulated one that counts, and this one behind a command.
#include "cli/tuned_store.h"
#include "schedules/tile_text.h"
#include "tests/cli_fixture.h"

namespace lacuna {
namespace {

const std::string kKernel = "--pattern window:24 --head-dim 16 --tokens 600 --quiet ";
const std::string kHere =
    "autotune --target host --runner ./machine --cpu box --tier sse41 " + kKernel;
const std::string kThere =
    "autotune --target aarch64-linux-gnu --runner ./qemu-machine --cpu cortex-a76 " + kKernel;

class CliAutotuneRemote : public Cli {
protected:
    void SetUp() override {
        Cli::SetUp();
        ::setenv("LACUNA_TUNED", at("tuned").c_str(), 1);
        put_script("machine", "exec \"$@\"\n");
        // By its name one of QEMU's programs.
        put_script("qemu-machine", "exec qemu-aarch64 -cpu cortex-a76 \"$@\"\n");
    }
    void TearDown() override {
        ::unsetenv("LACUNA_TUNED");
        Cli::TearDown();
    }
    static bool has_emulator() {
        return std::system(
                   "command -v aarch64-linux-gnu-gcc qemu-aarch64 llvm-mca-19 >/dev/null") == 0;
    }
    void put_script(const std::string &name, const std::string &text) const {
        put(name, "#!/bin/sh\n" + text);
        std::filesystem::permissions(at(name), std::filesystem::perms::owner_all);
    }
    // After `good` runs the machine does `then`, which finds its arguments in $@.
    void put_machine_that_turns(const std::string &name, int good, const std::string &run,
                                const std::string &then) const {
        put_script(name,
                   "n=$(cat runs 2>/dev/null || echo 0)\n"
                   "case $1 in -h) exec " +
                       run +
                       " -h ;; esac\n"
                       "echo $((n + 1)) >runs\n"
                       "[ $n -lt " +
                       std::to_string(good) + " ] && exec " + run + " \"$@\"\n" + then);
    }
    void put_entry(const std::string &tier, const std::string &cpu, const Tile &tile) const {
        const TuneKey key{"lac_attention_window_24_f32_d16", tier, cpu, "prefill:513-2048",
                          kAlgorithmVersion};
        put("entry.json", tuned_json({{key, tile, 1.5, "2026-01-01T00:00:00Z"}}));
        EXPECT_EQ(call("autotune --import entry.json").code, 0);
    }
    std::vector<TrialRecord> log() const {
        std::ifstream file(TunedStore(at("tuned")).log_file());
        std::vector<TrialRecord> records;
        for (std::string line; std::getline(file, line);) {
            const auto record = parse_trial(line);
            EXPECT_TRUE(record) << line;
            if (record) records.push_back(*record);
        }
        return records;
    }
    void expect_refused(const std::string &arguments, int code, const std::string &part) const {
        const Ended ended = call(arguments);
        EXPECT_EQ(ended.code, code) << arguments << ": " << ended.err;
        EXPECT_NE(ended.err.find(part), ended.err.npos) << arguments << ": " << ended.err;
    }
};

TEST_F(CliAutotuneRemote, CountsAndNeverMixesObjectives) {
    if (!has_emulator()) GTEST_SKIP() << "needs the emulator of arm-64";
    const std::string counted = kThere + "--tier neon --json --objective instructions ";
    const json first = parsed(counted + "--trials 2");
    EXPECT_EQ(first["kernel"], "lac_attention_window_24_f32_d16");
    EXPECT_EQ(first["tier"], "neon");
    EXPECT_EQ(first["cpu"], "cortex-a76");
    EXPECT_EQ(first["objective"], "instructions");
    EXPECT_EQ(first["start"], "8,8,8,4,8,1,1,2");
    EXPECT_EQ(first["failed"], 0);
    // The CPU is one that llvm-mca knows: cycles where nothing is said.
    const json cycles = parsed(kThere + "--tier neon --json --trials 1");
    EXPECT_EQ(cycles["objective"], "cycles");
    EXPECT_EQ(cycles["model"], "neoverse-n1");
    EXPECT_EQ(cycles["resumed"], 0);
    const json second = parsed(counted + "--trials 1 --seed 2");
    EXPECT_EQ(second["resumed"], 2);
    const auto records = log();
    ASSERT_EQ(records.size(), 4U);
    const double base = records[0].value / records[0].ratio;
    for (const TrialRecord &r : records) {
        EXPECT_EQ(r.state, "ok");
        if (r.objective != "instructions") continue;
        EXPECT_NEAR(r.value / r.ratio / base, 1, 1e-3);
    }
    EXPECT_EQ(records[2].objective, "cycles");
    EXPECT_LT(records[2].value, records[0].value);
}

// The start is the user's, and bad; the tier's own Tile takes its place, at the first trial.
TEST_F(CliAutotuneRemote, KeepsWhatIsBetterUnderTheNameOfTheObjective) {
    if (!has_emulator()) GTEST_SKIP() << "needs the emulator of arm-64";
    put_entry("neon", "cortex-a76", {8, 1, 1, 1, 1, 1});
    const json found = parsed(kThere + "--tier neon --json --objective instructions --trials 1");
    EXPECT_EQ(found["start"], "8,1,1,1,1,1,1");
    EXPECT_EQ(found["tile"], "8,8,8,4,8,1,1,2");
    EXPECT_EQ(found["improved"], true);
    const int64_t start = found["start_counts"]["instructions"],
                  tile = found["tile_counts"]["instructions"];
    EXPECT_NEAR(double{found["gain"]}, static_cast<double>(start) / static_cast<double>(tile),
                1e-9);
    EXPECT_GT(found["tile_counts"]["cycles"]["cortex-a55"], 0);
    const auto entries = TunedStore(at("tuned")).entries();
    ASSERT_EQ(entries.size(), 1U);
    EXPECT_EQ(entries[0].objective, "instructions");
    EXPECT_EQ(entries[0].gain, found["gain"]);
    const json manifest = parsed(
        "generate --target aarch64-linux-gnu --cpu cortex-a76 --tiers neon --pattern window:24 "
        "--head-dim 16 --tokens 600 --json --quiet -o out");
    EXPECT_EQ(manifest["kernels"][0]["tiers"][0]["tile_from"],
              "tuned for cortex-a76, prefill:513-2048, user's");
}

// Of f16's kernels the rows stay, since keys that are listed are gathered in f32 beside them, and
// there are no streams.
TEST_F(CliAutotuneRemote, TunesStepsInHalves) {
    if (!has_emulator()) GTEST_SKIP() << "needs the emulator of arm-64";
    const std::string halves =
        kThere + "--phase decode --kv-dtype f16 --arithmetic f16 --trials 2 ";
    const json found = parsed(halves + "--tier dotprod --json");
    EXPECT_EQ(found["kernel"], "lac_attention_window_24_f32_kvf16_d16_af16");
    EXPECT_EQ(found["tier"], "fp16");
    EXPECT_EQ(found["shape"], "decode:513-2048");
    EXPECT_EQ(found["failed"], 0);
    for (const TrialRecord &r : log()) {
        EXPECT_EQ(r.tile.rows, 4);
        EXPECT_FALSE(r.tile.streams);
    }
    expect_refused(halves + "--tier neon", kUnsupportedTarget, "none of the tiers has (neon)");
}

TEST_F(CliAutotuneRemote, TimesOnAnotherMachine) {
    put_entry("sse41", "box", {16, 1, 1, 1, 1, 1});
    const json found = parsed(kHere + "--trials 1 --json");
    EXPECT_EQ(found["objective"], "time");
    EXPECT_EQ(found["start"], "16,1,1,1,1,1,1");
    EXPECT_EQ(found["tile"], "16,4,4,1,1,1,1");
    EXPECT_EQ(found["improved"], true) << found;
    EXPECT_LT(found["tile_ms"], found["start_ms"]);
    const auto records = log();
    ASSERT_EQ(records.size(), 1U);
    EXPECT_EQ(records[0].objective, "time");
    EXPECT_EQ(records[0].key.cpu, "box");
    EXPECT_GT(records[0].ratio, 1.1);
    EXPECT_LT(records[0].ratio, 20);
    EXPECT_EQ(TunedStore(at("tuned")).entries()[0].objective, "time");
}

// The first two runs are the start's: its result, and its count.
TEST_F(CliAutotuneRemote, AWrongResultNeverWins) {
    if (!has_emulator()) GTEST_SKIP() << "needs the emulator of arm-64";
    put_machine_that_turns("qemu-machine", 2, "qemu-aarch64 -cpu cortex-a76",
                           "for out; do :; done\n"
                           "qemu-aarch64 -cpu cortex-a76 \"$@\"\n"
                           "printf '\\100\\100\\100\\100' |"
                           " dd of=\"$out\" conv=notrunc bs=1 seek=64 2>/dev/null\n");
    const json found = parsed(kThere + "--tier neon --json --objective instructions --trials 2");
    EXPECT_EQ(found["failed"], 2);
    EXPECT_EQ(found["improved"], false);
    for (const TrialRecord &r : log()) EXPECT_EQ(r.state, "wrong");
    EXPECT_TRUE(TunedStore(at("tuned")).entries().empty());
}

// What a machine that is gone says of a candidate is no trial.
TEST_F(CliAutotuneRemote, AMachineThatIsGoneEndsTheSearch) {
    put_machine_that_turns("machine", 2, "env", "echo connection lost; exit 255\n");
    expect_refused(kHere + "--trials 2", kBadInput, "connection lost");
    EXPECT_TRUE(log().empty());
}

TEST_F(CliAutotuneRemote, AnInterruptKeepsAllAndLeavesNothing) {
    ::setenv("LACUNA_CACHE", at("cache").c_str(), 1);
    const std::string command = "cd " + folder.string() +
                                " && timeout --preserve-status -s INT 6 " + LACUNA_TOOL + " " +
                                kHere + ">out 2>err";
    const int status = std::system(command.c_str());
    ::unsetenv("LACUNA_CACHE");
    EXPECT_EQ(WEXITSTATUS(status), kFinding);
    std::ifstream err(at("err"));
    const std::string said{std::istreambuf_iterator<char>(err), {}};
    EXPECT_NE(said.find("the same command goes on from there"), said.npos) << said;
    log();  // for its checks
    for (const auto &entry : std::filesystem::directory_iterator(at("cache")))
        EXPECT_FALSE(entry.is_directory() &&
                     entry.path().filename().string().rfind("tuner.", 0) == 0)
            << entry.path();
}

TEST_F(CliAutotuneRemote, RefusesWhatCannotBeHad) {
    const auto expect = [this](const std::string &options, int code, const std::string &part) {
        expect_refused("autotune " + kKernel + options, code, part);
    };
    const std::string arm = "--target aarch64-linux-gnu ", script = "--runner ./machine ",
                      box = "--cpu box ";
    expect("--objective speed", kUsage, "expected one of time, instructions, cycles");
    expect("--objective instructions", kUsage, "expected --target and a --runner that counts");
    expect("--cpu box", kUsage, "--cpu box: only with --target");
    expect(script, kUsage, "--runner: expected --target as well");
    expect(arm, kUsage, "expected --runner as well");
    expect(arm + script + "--tier neon", kUsage, "--cpu: expected the model of");
    expect(arm + script + box, kUsage, "one of dotprod, fp16, neon");
    expect(arm + script + box + "--tier sse41", kUnsupportedTarget, "has dotprod, fp16, neon");
    expect(arm + script + box + "--tier neon --objective instructions", kUsage,
           "./machine counts nothing");
    expect(arm + "--runner nonesuch --cpu box --tier neon", kBadInput, "found no nonesuch");
    expect("--target arm64-apple-ios --cpu box --tier neon " + script, kBadInput,
           "found none of arm64-apple-ios-gcc");
    expect("--target vax-linux " + script + box, kUnsupportedTarget, "not supported");
    expect("--target hexagon-unknown-none-elf --cpu v66 --tier hvx66 --runner qemu-hexagon",
           kUnsupportedTarget, "no Tile to tune");
    if (!has_emulator()) return;
    const std::string qemu = arm + "--runner ./qemu-machine --tier neon ";
    expect(qemu + "--cpu cortex-a72 --objective cycles", kUsage, "no model of cortex-a72");
    expect(qemu, kUsage, "--cpu: expected the model of");
}

}  // namespace
}  // namespace lacuna
