// lacuna run and bench on other machines: an emulated one, and this one behind commands that act as
// ssh and adb do.
#include "tests/cli_fixture.h"
#include "tests/npy_file.h"

namespace lacuna {
namespace {

constexpr const char *kTensors = " --pattern window:5+every:3 --q q.npy --k k.npy --v v.npy";

class CliRemote : public Cli {
protected:
    void SetUp() override {
        Cli::SetUp();
        put_tensors();
    }
    void put_script(const std::string &name, const std::string &text) const {
        put(name, "#!/bin/sh\n" + text);
        std::filesystem::permissions(at(name), std::filesystem::perms::owner_all);
    }
    json run_there(const std::string &machine) const {
        return parsed(std::string("run") + kTensors + " -o there.npy --check --json " + machine);
    }
    // Bit for bit what this machine gives: it is the same.
    void expect_as_here(const std::string &machine) const {
        const json here = parsed(std::string("run") + kTensors + " -o here.npy --json");
        const json there = run_there(machine);
        EXPECT_EQ(there["kernel"], here["kernel"]);
        EXPECT_EQ(there["total_pairs"], here["total_pairs"]);
        EXPECT_EQ(read_npy(at("there.npy")).data, read_npy(at("here.npy")).data);
    }
    std::string calls() const { return read_text("calls"); }
    std::string read_text(const std::string &name) const {
        std::ifstream file(at(name));
        return {std::istreambuf_iterator<char>(file), {}};
    }
};

TEST_F(CliRemote, RunsUnderAnEmulator) {
    if (std::system("command -v aarch64-linux-gnu-gcc qemu-aarch64 >/dev/null") != 0)
        GTEST_SKIP() << "needs aarch64-linux-gnu-gcc and qemu-aarch64";
    put_script("emulate", "exec qemu-aarch64 -cpu cortex-a53 \"$@\"\n");
    for (const char *options : {"", " --compiled --threads 2"}) {
        const json there =
            run_there("--target aarch64-linux-gnu --runner ./emulate" + std::string(options));
        EXPECT_EQ(there["target"], "aarch64-linux-gnu");
        EXPECT_EQ(there["tier"], "neon");
        EXPECT_EQ(there["agrees"], true) << there;
        EXPECT_GT(there["ms"], 0);
    }
}

// A whole sequence in steps, the last shorter than the others: bit for bit one call's rows.
TEST_F(CliRemote, RunsThroughCaches) {
    put_tensor("q.npy", {4, 15, 16});
    put_script("emulate", "exec \"$@\"\n");
    const std::string there =
        "run" + std::string(kTensors) + " --target host --runner ./emulate --json";
    for (const char *types : {"", " --kv-dtype int8,f16", " --dtype fixed8"}) {
        parsed(there + types + " -o call.npy --log-sum-exp call.lse.npy");
        const json steps = parsed(there + types +
                                  " --via cache --chunk 4 --threads 2 --check -o steps.npy "
                                  "--log-sum-exp steps.lse.npy");
        EXPECT_EQ(steps["agrees"], true) << steps;
        EXPECT_EQ(read_text("steps.npy"), read_text("call.npy")) << types;
        EXPECT_EQ(read_text("steps.lse.npy"), read_text("call.lse.npy")) << types;
    }
    const std::string bidi =
        "run --pattern bidi/window:5 --q q.npy --k k.npy --v v.npy -o steps.npy --check --json "
        "--target host --runner ./emulate --via cache --chunk ";
    EXPECT_EQ(parsed(bidi + "15")["agrees"], true);
    const Ended cut = call(bidi + "14");
    EXPECT_EQ(cut.code, 2);
    EXPECT_NE(cut.err.find("--chunk 14: earlier rows of bidi/window:5 see later keys, expected all "
                           "15 tokens at once"),
              std::string::npos)
        << cut.err;
}

// What patterns read at run time goes along: rows and heads of a mask, pairs, positions.
TEST_F(CliRemote, RunsPatternsThatReadLists) {
    put("m.npy", mask_file({2, 12, 15}, [](int64_t head, int64_t q, int64_t k) {
            return k <= q + 3 && (head * 5 + q * 7 + k * k) % 3 == 0;
        }));
    put("g.npy", npy_file<int32_t>("<i4", {3}, {0, 5, 13}));
    put_script("emulate", "exec \"$@\"\n");
    const std::string run = "run --q q.npy --k k.npy --v v.npy --json ";
    const std::string there = " -o there.npy --check --target host --runner ./emulate";
    for (const std::string lists :
         {"--mask m.npy --pattern topk:15", "--mask m.npy --pattern mask:pairs",
          "--mask m.npy --globals g.npy --pattern heads(0-2=mask:csr|3=window:2)+global:list"}) {
        const json here = parsed(run + lists + " -o here.npy");
        const json result = parsed(run + lists + there);
        EXPECT_EQ(result["agrees"], true) << lists;
        EXPECT_EQ(result["total_pairs"], here["total_pairs"]) << lists;
        EXPECT_EQ(read_text("there.npy"), read_text("here.npy")) << lists;
    }
    const json bench = parsed(
        "bench --pattern topk:4 --list-heads kv --tokens 64 --heads 2 --head-dim 16 --rounds 1 "
        "--min-time 0 --json --target host --runner ./emulate")["benchmarks"][0];
    EXPECT_EQ(bench["list_entries"], 2 * (1 + 2 + 3 + 61 * 4));
    EXPECT_GT(bench["check_us"], 0);
    EXPECT_GT(bench["dense_min_ms"], 0);
}

// Q, K and V each of a type, and products of f16: further off than f32's, and less than allowed.
TEST_F(CliRemote, RunsTypesAndArithmeticUnderAnEmulator) {
    if (std::system("command -v aarch64-linux-gnu-gcc qemu-aarch64 >/dev/null") != 0)
        GTEST_SKIP() << "needs aarch64-linux-gnu-gcc and qemu-aarch64";
    put_script("emulate", "exec qemu-aarch64 -cpu cortex-a76 \"$@\"\n");
    const std::string machine = "--target aarch64-linux-gnu --runner ./emulate ";
    for (const char *types : {"--dtype f16 --kv-dtype int8,f16", "--dtype bf16", "--kv-dtype f16"})
        EXPECT_EQ(run_there(machine + types)["agrees"], true) << types;
    const double exact = run_there(machine + "--kv-dtype f16")["nmse"];
    const json halves = run_there(machine + "--kv-dtype f16 --arithmetic f16");
    EXPECT_EQ(halves["kernel"], "lac_attention_f32_kvf16_d16_af16");
    EXPECT_EQ(halves["agrees"], true) << halves;
    EXPECT_GT(double{halves["nmse"]}, 1000 * exact);
    const json bench = parsed(
        "bench --pattern window:16 --tokens 64 --heads 1 --head-dim 16 --json "
        "--rounds 1 --min-time 0 --kv-dtype f16 --arithmetic f16 " +
        machine)["benchmarks"][0];
    EXPECT_NE(std::string(bench["kernel"]).find("_af16"), std::string::npos) << bench;
}

TEST_F(CliRemote, RunsBehindSsh) {
    // What reaches the far side is one command, and the streams.
    put_script("ssh", "echo \"$1\" >>calls; exec sh -c \"$1\"\n");
    expect_as_here("--target host --runner ./ssh");
    EXPECT_NE(calls().find("cat >/tmp/lacuna."), std::string::npos) << calls();
    EXPECT_NE(calls().find("rm -r /tmp/lacuna."), std::string::npos) << calls();
}

TEST_F(CliRemote, RunsBehindAdb) {
    put_script("adb",
               "echo \"$@\" >>calls\n"
               "there() { echo \"$1\" | sed \"s#/data/local/tmp#$PWD/device#g\"; }\n"
               "case $1 in\n"
               "push) cp $2 $(there $3) ;;\n"
               "pull) cp $(there $2) $3 ;;\n"
               "shell) exec sh -c \"$(there \"$2\")\" ;;\n"
               "esac\n");
    expect_as_here("--target host --runner ./adb");
    EXPECT_NE(calls().find("push"), std::string::npos) << calls();
    EXPECT_TRUE(std::filesystem::is_empty(at("device")));
}

TEST_F(CliRemote, BenchesPatternAndDense) {
    put_script("emulate", "exec \"$@\"\n");
    const json bench = parsed(
        "bench --target host --runner ./emulate --pattern window:16 --tokens 64 --heads 2 --json "
        "--rounds 3 --min-time 0.01 --head-dim 16")["benchmarks"][0];
    EXPECT_GE(bench["iterations"], 3);
    EXPECT_GT(bench["min_ms"], 0);
    EXPECT_GT(bench["dense_min_ms"], 0);
    EXPECT_GT(bench["plan_us"], 0);
    EXPECT_EQ(bench["attended_pairs"], 16 * 17 / 2 + 48 * 16);
    EXPECT_TRUE(bench["peak_gflops"].is_null());
}

TEST_F(CliRemote, BenchesStepsOverCaches) {
    put_script("emulate", "exec \"$@\"\n");
    const std::string of_both =
        " --phase decode --pattern window:16+sink:2 --tokens 64 --queries 2 --heads 2 --kv-heads 1 "
        "--head-dim 16 --kv-dtype int8 --batch 2 --layers 3 --rounds 3 --min-time 0.01 --json";
    const json there = parsed("bench --target host --runner ./emulate" + of_both)["benchmarks"][0];
    const json here = parsed("bench" + of_both)["benchmarks"][0];
    for (const char *same : {"name", "phase", "attended_pairs", "read_bytes", "cache_bytes",
                             "kept_keys", "slots", "padded_slots", "workspace_bytes", "layers"})
        EXPECT_EQ(there[same], here[same]) << same;
    EXPECT_GT(there["gbps"], 0);
    EXPECT_GT(there["tokens_per_second"], 0);
    EXPECT_TRUE(there["peak_gbps"].is_null());
}

TEST_F(CliRemote, RunsOnWindowsUnderWine) {
    if (std::system(
            "command -v x86_64-w64-mingw32-gcc >/dev/null && test -x /usr/lib/wine/wine64") != 0)
        GTEST_SKIP() << "needs gcc-mingw-w64-x86-64 and wine64";
    // A prefix of its own, whose server is gone before the folder is.
    put_script("wine",
               "export WINEPREFIX=$PWD/prefix WINEDEBUG=-all WINEDLLOVERRIDES=mscoree,mshtml=\n"
               "unset DISPLAY\n"
               "/usr/lib/wine/wine64 \"$@\"\n"
               "code=$?; /usr/lib/wine/wineserver -k; exit $code\n");
    expect_as_here("--target x86_64-pc-windows-gnu --runner ./wine --threads 2");
}

// fixed8 has the same bits on every target. A bare machine has no clock, and counts packets.
TEST_F(CliRemote, RunsFixed8OnHexagonAndArm) {
    if (std::system("command -v qemu-hexagon clang++-19 ld.lld-19 aarch64-linux-gnu-gcc "
                    "qemu-aarch64 >/dev/null") != 0)
        GTEST_SKIP() << "needs qemu-hexagon, clang-19, lld-19, aarch64-linux-gnu-gcc, qemu-aarch64";
    const std::string run = "run --json" + std::string(kTensors);
    const std::string hexagon =
        " --target hexagon-unknown-none-elf --dtype fixed8 --runner qemu-hexagon ";
    parsed(run + " --dtype fixed8 -o here.npy --log-sum-exp here.lse.npy");
    const json there = parsed(run + hexagon + "-o there.npy --log-sum-exp there.lse.npy --check");
    EXPECT_EQ(there["tier"], "hvx66");
    EXPECT_EQ(there["agrees"], true) << there;
    EXPECT_TRUE(there["ms"].is_null());
    EXPECT_GT(there["packets"], 1000);
    EXPECT_EQ(read_text("there.npy"), read_text("here.npy"));
    EXPECT_EQ(read_text("there.lse.npy"), read_text("here.lse.npy"));
    put_tensor("q.npy", {4, 15, 16});
    parsed(run + " --dtype fixed8 -o here.npy");
    parsed(run + hexagon + "-o steps.npy --via cache --chunk 4");
    EXPECT_EQ(read_text("steps.npy"), read_text("here.npy"));
    parsed(run + " --dtype fixed8 --target aarch64-linux-gnu --runner qemu-aarch64 -o arm.npy");
    EXPECT_EQ(read_text("arm.npy"), read_text("here.npy"));

    const json bench =
        parsed("bench --pattern window:16 --tokens 256 --heads 1 --head-dim 16 --json" +
               hexagon)["benchmarks"][0];
    EXPECT_EQ(bench["dtype"], "fixed8");
    EXPECT_TRUE(bench["min_ms"].is_null());
    EXPECT_GT(bench["dense_packets"], bench["packets"]);
    const json step = parsed(
        "bench --pattern window:16 --phase decode --tokens 256 --heads 2 --kv-heads 2 "
        "--head-dim 16 --batch 2 --json" +
        hexagon)["benchmarks"][0];
    EXPECT_EQ(step["kept_keys"], 16);
    EXPECT_GT(step["dense_packets"], step["packets"]);
    EXPECT_TRUE(step["tokens_per_second"].is_null());
    const Ended lists = call("bench --pattern topk:4 --tokens 64" + hexagon);
    EXPECT_EQ(lists.code, 2);
    EXPECT_NE(lists.err.find("topk:4 lists single keys"), std::string::npos) << lists.err;
    const Ended threads = call(run + hexagon + "-o two.npy --threads 2");
    EXPECT_EQ(threads.code, 2);
    EXPECT_NE(threads.err.find("--threads 2: expected 1 with --target hexagon"), std::string::npos)
        << threads.err;
}

// QEMU's own programs count: by a plugin that is built for them.
TEST_F(CliRemote, BenchCountsUnderAnEmulator) {
    if (std::system("command -v aarch64-linux-gnu-gcc qemu-aarch64 llvm-mca-19 >/dev/null") != 0)
        GTEST_SKIP() << "needs aarch64-linux-gnu-gcc, qemu-aarch64 and llvm-mca-19";
    const std::string command =
        "bench --target aarch64-linux-gnu --runner qemu-aarch64 --pattern window:16 "
        "--tokens 256 --heads 2 --head-dim 16 --rounds 1 --min-time 0 ";
    const json bench = parsed(command + "--json")["benchmarks"][0];
    const int64_t instructions = bench["instructions"], dense = bench["dense_instructions"];
    // A pair takes 32 multiply-adds, and an instruction does four.
    EXPECT_GT(instructions, int64_t{bench["total_pairs"]} * 32 / 4);
    EXPECT_GT(dense, 2 * instructions);
    for (const char *cpu : {"neoverse-n1", "cortex-a55"}) {
        const int64_t cycles = bench["cycles"][cpu], dense_cycles = bench["dense_cycles"][cpu];
        EXPECT_GT(cycles, instructions / 4) << cpu;
        EXPECT_LT(cycles, instructions * 4) << cpu;
        EXPECT_GT(2 * dense_cycles, 3 * cycles) << cpu;
    }
    const std::string table = call(command + "--no-dense").out;
    EXPECT_NE(table.find(" M cycles of neoverse-n1"), std::string::npos) << table;
    ::setenv("LACUNA_MCA", "/nonexistent", 1);
    const Ended without = call(command + "--no-dense");
    ::unsetenv("LACUNA_MCA");
    EXPECT_NE(without.err.find("no cycles: llvm-mca"), std::string::npos) << without.err;
    EXPECT_NE(without.out.find(" M instructions\n"), std::string::npos) << without.out;
}

TEST_F(CliRemote, SaysWhatIsMissing) {
    put_script("fails", "echo no such device; exit 9\n");
    const struct {
        const char *options;
        int code;
        const char *message;
    } cases[] = {
        {"--runner ./fails", 2, "--runner: expected --target as well"},
        {"--target host", 2, "--target host: expected --runner as well"},
        {"--target vax-linux --runner ./fails", 4, "--target vax-linux: not supported"},
        {"--target arm64-apple-ios --runner ./fails", 3, "found none of arm64-apple-ios-gcc"},
        {"--target host --runner nonesuch", 3, "--runner: found no nonesuch"},
        {"--target host --runner ./fails --kv-dtype f16 --arithmetic f16", 4,
         "arithmetic in f16, which none of the tiers has"},
        {"--target host --runner ./fails --arithmetic f16", 2,
         "--arithmetic: f16 needs K and V of f16, found f32"},
        {"--target host --runner ./fails", 3, "ended with exit code 9: no such device"},
        {"--target host --runner ./fails --via file", 2, "--via file: expected cache"},
    };
    for (const auto &c : cases) {
        const Ended ended = call(std::string("run") + kTensors + " -o there.npy " + c.options);
        EXPECT_EQ(ended.code, c.code) << c.options << ": " << ended.err;
        EXPECT_NE(ended.err.find(c.message), std::string::npos) << c.options << ": " << ended.err;
        EXPECT_FALSE(std::filesystem::exists(at("there.npy"))) << c.options;
    }
}

}  // namespace
}  // namespace lacuna
