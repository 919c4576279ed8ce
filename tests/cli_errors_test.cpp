// Whatever is wrong: the right exit code, one line that names it, and nothing left behind.
#include "cli/errors.h"
#include "tests/npy_file.h"
#include "tests/tool.h"

namespace lacuna {
namespace {

struct Wrong {
    const char *name, *arguments;
    int code;
    std::vector<const char *> named;  // all in the first line of stderr
    const char *tier = "";
};

void PrintTo(const Wrong &wrong, std::ostream *out) { *out << wrong.name; }

#define RUN "run -o out.npy --pattern window:4 "
#define GOOD "--q q.npy --k k.npy --v v.npy "

const Wrong kWrong[] = {
    // Patterns.
    {"UnknownAtom",
     "show --pattern windw:4",
     kUsage,
     {"--pattern windw:4", "column 0", "'window'"}},
    {"EmptyWindow", "show --pattern window:0", kUsage, {"column 7", "'0'", "at least 1"}},
    {"ZeroStride", "show --pattern window:2+strided:0", kUsage, {"column 17", "'0'"}},
    {"ZeroEvery", "run -o out.npy --pattern every:0 " GOOD, kUsage, {"every:0", "column 6"}},
    {"GeneratePattern", "generate --pattern windw:1 -o out", kUsage, {"windw:1", "column 0"}},
    {"BenchPattern", "bench --pattern window:", kUsage, {"window:", "column 7", "the end"}},
    // Options.
    {"NoSubcommand", "", kUsage, {"subcommand"}},
    {"UnknownSubcommand", "fly", kUsage, {"'fly'"}},
    {"UnknownOption", RUN GOOD "--bogus 3", kUsage, {"'--bogus'"}},
    {"NoOutput", "run --pattern dense " GOOD, kUsage, {"--out"}},
    {"NoThreads", RUN GOOD "--threads 0", kUsage, {"--threads", "0", "1 to 256"}},
    {"ManyThreads", RUN GOOD "--threads 257", kUsage, {"--threads", "257"}},
    {"NegativeSoftcap", RUN GOOD "--softcap -1", kUsage, {"--softcap -1"}},
    {"SoftcapIsNaN", RUN GOOD "--softcap nan", kUsage, {"--softcap nan"}},
    {"ScaleIsNaN", RUN GOOD "--scale nan", kUsage, {"--scale nan"}},
    {"ScaleIsInfinite", RUN GOOD "--scale 1e39", kUsage, {"--scale 1e+39"}},
    {"ScaleIsZero", RUN GOOD "--scale 0", kUsage, {"--scale 0"}},
    {"ScaleIsNoNumber", RUN GOOD "--scale big", kUsage, {"--scale", "big"}},
    {"QStartTooLate", RUN GOOD "--q-start 4", kUsage, {"--q-start 4", "0 to 3", "k.npy has 12"}},
    {"NegativeQStart", RUN GOOD "--q-start -1", kUsage, {"--q-start -1", "0 to 3"}},
    {"SameNameTwice", RUN GOOD "--log-sum-exp out.npy", kUsage, {"--log-sum-exp out.npy"}},
    {"UnknownTier", RUN GOOD, kUsage, {"LACUNA_TIER=mmx", "sse41"}, "mmx"},
    {"BenchFixed8",
     "bench --pattern dense --dtype fixed8",
     kUsage,
     {"--dtype", "fixed8", "generate, run"}},
    {"Fixed8Softcap",
     RUN GOOD "--dtype fixed8 --softcap 3",
     kUsage,
     {"--softcap 3", "--dtype fixed8"}},
    {"Fixed8SingleKeys",
     "run -o out.npy --pattern topk:2 --dtype fixed8 " GOOD,
     kUsage,
     {"--dtype fixed8", "topk:2", "mask:blocks"}},
    {"RunDtype", RUN GOOD "--dtype f64", kUsage, {"--dtype", "'f64'", "f32, f16, bf16 or fixed8"}},
    {"RunKvDtype", RUN GOOD "--kv-dtype f16,", kUsage, {"--kv-dtype", "'' in 'f16,'", "bf16"}},
    {"BenchDtype", "bench --pattern dense --dtype half", kUsage, {"--dtype", "'half'"}},
    {"GenerateKvDtype", "generate --kv-dtype int4 -o out", kUsage, {"--kv-dtype", "'int4'"}},
    {"GenerateIntegerQueries", "generate --dtype int8 -o out", kUsage, {"--dtype", "'int8'"}},
    {"UnknownTriple",
     "generate --target vax-dec-vms -o out",
     kUnsupportedTarget,
     {"vax-dec-vms", "x86_64-unknown-linux-gnu"}},
    {"UnknownList", "list cows", kUsage, {"'cows'", "patterns"}},
    {"Via",
     "run --pattern dense --q q.npy --k k.npy --v v.npy -o o.npy --via wire",
     kUsage,
     {"wire", "cache"}},
    {"ViaCacheOfSomeQueries", RUN GOOD "--via cache", kUsage, {"--via cache", "9", "12"}},
    {"DecodeOfLists", "bench --pattern mask:csr --phase decode", kUsage, {"mask:csr", "prefill"}},
    {"UnknownPhase", "bench --pattern dense --phase idle", kUsage, {"idle", "prefill"}},
    {"BenchHeads", "bench --pattern dense --heads 3 --kv-heads 2", kUsage, {"--kv-heads 2", "3"}},
    {"BenchQueries", "bench --pattern dense --tokens 8 --queries 9", kUsage, {"--queries 9", "8"}},
    {"BenchTokens", "bench --pattern dense --tokens 0", kUsage, {"--tokens"}},
    {"BenchMinTime", "bench --pattern dense --min-time nan", kUsage, {"--min-time"}},
    {"MaskIsMissing",
     "run -o out.npy --pattern mask:csr " GOOD,
     kUsage,
     {"mask:csr needs --mask FILE"}},
    {"GlobalsAreMissing",
     "run -o out.npy --pattern window:2+global:list " GOOD,
     kUsage,
     {"global:list needs --globals FILE"}},
    {"MaskForNothing", RUN GOOD "--mask m.npy", kUsage, {"--mask m.npy", "window:4 has no mask:"}},
    {"GlobalsForNothing",
     RUN GOOD "--globals m.npy",
     kUsage,
     {"--globals m.npy", "window:4 has no global:list"}},
    {"MixOfMoreHeads",
     "run -o out.npy --pattern heads(0-5=dense) " GOOD,
     kUsage,
     {"heads(0-5=dense)", "head 5", "the 4 query heads of q.npy"}},
    {"MixOfFewerHeads",
     "run -o out.npy --pattern heads(0-1=dense|3=window:2) " GOOD,
     kUsage,
     {"leaves out head 2"}},
    {"ShowMaskIsMissing", "show --pattern topk:4", kUsage, {"topk:4 needs --mask FILE"}},
    {"ShowHead",
     "show --pattern heads(0-1=dense) --head 2",
     kUsage,
     {"--head 2", "expected 0 to 1"}},
    {"ShowTokensOfAMask",
     "show --pattern mask:csr --mask wide.npy --tokens 64",
     kUsage,
     {"wide.npy has 5 queries and 9 keys", "--tokens"}},
    {"ShowHeadLeftOut", "show --pattern heads(1=dense)", kUsage, {"leaves out head 0"}},
    {"Workload", "bench --workload llama", kUsage, {"--workload llama", "bert-base"}},
    {"NoPattern", "bench", kUsage, {"--pattern or --workload"}},
    {"LayersWithoutSpec", "list layers", kUsage, {"list layers", "--spec FILE"}},
    {"SpecForNothing", "list kernels --spec s.json", kUsage, {"list kernels", "--spec s.json"}},
    {"BenchMix",
     "bench --pattern heads(0-8=dense)",
     kUsage,
     {"head 8", "the 8 query heads of --heads"}},
    {"BenchDensity", "bench --pattern dense --density 0.5", kUsage, {"--density", "no mask: atom"}},
    {"BenchDensityOfTopk",
     "bench --pattern topk:4 --density 0.5",
     kUsage,
     {"--density", "topk:4 keeps as many"}},
    {"BenchLists", "bench --pattern mask:csr --lists odd", kUsage, {"--lists odd", "clustered"}},
    {"BenchRoutedKeys",
     "bench --pattern topk:16 --lists routed",
     kUsage,
     {"--lists routed", "topk:16 has no topk with block="}},
    {"BenchRoutedMask",
     "bench --pattern mask:csr --lists routed",
     kUsage,
     {"--lists routed", "mask:csr has no topk"}},
    {"BenchRouteOfRandom",
     "bench --pattern topk:16,block=8 --route mean",
     kUsage,
     {"--route", "without --lists routed"}},
    {"BenchRoute",
     "bench --pattern topk:16,block=8 --lists routed --route odd",
     kUsage,
     {"--route odd", "minmax or mean"}},
    {"BenchRoutedHeads",
     "bench --pattern topk:16,block=8 --lists routed --list-heads query",
     kUsage,
     {"--list-heads", "for each KV head"}},
    {"BenchOwnOrderElsewhere",
     "bench --pattern topk:16 --own-order --target aarch64-linux-gnu --runner qemu-aarch64",
     kUsage,
     {"--own-order: not with --target"}},
    {"BenchOvershootOfBlocks",
     "bench --pattern topk:16,block=8 --overshoot 32",
     kUsage,
     {"--overshoot", "no topk of single keys"}},
    {"BenchOvershootOfMask",
     "bench --pattern mask:csr --overshoot 32",
     kUsage,
     {"--overshoot", "mask:csr has no topk"}},
    {"BenchOvershootOfFew",
     "bench --pattern topk:16 --overshoot 16",
     kUsage,
     {"--overshoot 16", "more than the 16"}},
    {"BenchListHeads",
     "bench --pattern mask:csr --list-heads all",
     kUsage,
     {"--list-heads all", "kv or query"}},
    {"BenchGlobals",
     "bench --pattern global:list --tokens 8 --globals 9",
     kUsage,
     {"--globals 9", "at most the 8"}},
    // Files.
    {"SpecWithoutLayers", "list --spec s.json", kBadInput, {"s.json", "no layers"}},
    {"LayersWithoutModel", "list --spec l.json", kBadInput, {"l.json", "model.tokens"}},
    {"LayersOfASpec",
     "generate --spec gap.json -o out",
     kBadInput,
     {"gap.json: layers: layer 0 of 2 is in no row"}},
    {"ShowMoreQueriesThanKeys",
     "show --pattern mask:csr --mask m.npy",
     kBadInput,
     {"m.npy: 9 queries", "at most the 5 tokens"}},
    {"ShowGlobalPastTheEnd",
     "show --pattern global:list --globals g.npy",
     kBadInput,
     {"g.npy: entry 2 of sequence 0 is 70, expected below 64 tokens"}},
    {"MaskIsNoBool",
     "run -o out.npy --pattern mask:csr --mask q.npy " GOOD,
     kBadInput,
     {"q.npy", "float32", "bool"}},
    {"MaskOfOtherKeys",
     "run -o out.npy --pattern mask:csr --mask m.npy " GOOD,
     kBadInput,
     {"m.npy: 5 keys, expected 12"}},
    {"GlobalPastTheEnd",
     "run -o out.npy --pattern global:list --globals g.npy " GOOD,
     kBadInput,
     {"g.npy: entry 2 of sequence 0 is 70, expected below 12 tokens"}},
    {"MissingFile", RUN "--q no.npy --k k.npy --v v.npy", kBadInput, {"no.npy", "cannot open"}},
    {"TruncatedFile",
     RUN "--q cut.npy --k k.npy --v v.npy",
     kBadInput,
     {"cut.npy", "2300 bytes", "needs 2304"}},
    {"EmptyFile", RUN "--q q.npy --k empty.npy --v v.npy", kBadInput, {"empty.npy", ".npy"}},
    {"Float64", RUN "--q q.npy --k k.npy --v f8.npy", kBadInput, {"f8.npy", "float64", "float32"}},
    {"Objects",
     RUN "--q objects.npy --k k.npy --v v.npy",
     kBadInput,
     {"objects.npy", "never unpickled"}},
    {"Rank2", RUN "--q r2.npy --k k.npy --v v.npy", kBadInput, {"r2.npy", "(9, 16)", "[heads"}},
    {"Rank5", RUN "--q q.npy --k r5.npy --v v.npy", kBadInput, {"r5.npy", "(1, 1, 2, 12, 16)"}},
    {"RanksDiffer",
     RUN "--q q.npy --k batch.npy --v v.npy",
     kBadInput,
     {"batch.npy: 4 dimensions", "q.npy has 3"}},
    {"NoTokens", RUN "--q none.npy --k k.npy --v v.npy", kBadInput, {"none.npy", "(4, 0, 16)"}},
    {"HeadsOfK",
     RUN "--q q.npy --k h3.npy --v h3.npy",
     kBadInput,
     {"h3.npy: 3 heads", "4 of q.npy"}},
    {"HeadsOfV",
     RUN "--q q.npy --k k.npy --v h1.npy",
     kBadInput,
     {"h1.npy: 1 head", "k.npy has 2"}},
    {"FeaturesOfK",
     RUN "--q q.npy --k d8.npy --v v.npy",
     kBadInput,
     {"d8.npy: 8 features", "q.npy has 16"}},
    {"TokensOfV",
     RUN "--q q.npy --k k.npy --v short.npy",
     kBadInput,
     {"short.npy: 5 tokens", "k.npy has 12"}},
    {"FewerKeysThanQueries",
     RUN "--q q.npy --k short.npy --v short.npy",
     kBadInput,
     {"short.npy: 5 tokens", "9 of q.npy"}},
    {"Batches",
     RUN "--q batch.npy --k batch3.npy --v batch3.npy",
     kBadInput,
     {"batch3.npy: 3 sequences", "batch.npy has 2"}},
    {"HeadSize",
     RUN "--q d600.npy --k d600.npy --v d600.npy",
     kBadInput,
     {"d600.npy", "600", "512"}},
    // Outputs.
    {"NoSuchFolder",
     "run -o no/out.npy --pattern dense " GOOD,
     kBadInput,
     {"no/out.npy", "cannot write"}},
    {"OutputIsAFolder", "run -o . --pattern dense " GOOD, kBadInput, {".: cannot write"}},
    {"FullDisk",
     "run -o /dev/full --pattern dense " GOOD,
     kBadInput,
     {"/dev/full", "No space left"}},
    {"FullDiskForSums",
     RUN GOOD "--log-sum-exp /dev/full",
     kBadInput,
     {"/dev/full", "No space left"}},
    {"FullDiskForPng",
     "show --pattern dense --png /dev/full",
     kBadInput,
     {"/dev/full", "No space left"}},
};

class CliErrors : public Tool, public testing::WithParamInterface<Wrong> {
protected:
    void SetUp() override {
        Tool::SetUp();
        put_tensor("q.npy", {4, 9, 16});
        put_tensor("k.npy", {2, 12, 16});
        put_tensor("v.npy", {2, 12, 16});
        put_tensor("r2.npy", {9, 16});
        put_tensor("r5.npy", {1, 1, 2, 12, 16});
        put_tensor("batch.npy", {2, 2, 12, 16});
        put_tensor("batch3.npy", {3, 2, 12, 16});
        put_tensor("none.npy", {4, 0, 16});
        put_tensor("h1.npy", {1, 12, 16});
        put_tensor("h3.npy", {3, 12, 16});
        put_tensor("d8.npy", {2, 12, 8});
        put_tensor("d600.npy", {1, 2, 600});
        put_tensor("short.npy", {2, 5, 16});
        const std::string whole = npy_bytes(put_tensor("cut.npy", {4, 9, 16}));
        put("cut.npy", whole.substr(0, whole.size() - 4));
        put("empty.npy", "");
        put("s.json", R"({"kernels": [{"head_dim": 64}]})");
        for (const std::string layers : {"0", "1"})
            put(layers == "0" ? "l.json" : "gap.json",
                R"({"kernels": [{"head_dim": 64}], "layers": [{"pattern": "dense", "layers": ")" +
                    layers + "\"}]}");
        put("m.npy", mask_file({9, 5}, [](int64_t, int64_t, int64_t) { return true; }));
        put("wide.npy", mask_file({5, 9}, [](int64_t, int64_t, int64_t) { return true; }));
        put("g.npy", npy_file<int32_t>("<i4", {3}, {0, 7, 70}));
        put("f8.npy", with_type(whole, "'<f8'"));
        put("objects.npy", with_type(whole, "'|O' "));
    }

    static std::string with_type(std::string file, const std::string &type) {
        return file.replace(file.find("'<f4'"), 5, type);
    }
};

// A line of help: where to look, or a caret under the mistake.
bool is_hint(const std::string &line) {
    return line.rfind("Try 'lacuna", 0) == 0 ||
           (line.back() == '^' && line.find_first_not_of(' ') == line.size() - 1);
}

void expect_one_clear_line(const std::string &err, const std::vector<const char *> &named) {
    std::istringstream lines(err);
    std::string first;
    ASSERT_TRUE(std::getline(lines, first));
    EXPECT_EQ(first.rfind("lacuna: ", 0), 0U) << err;
    for (const char *word : named) EXPECT_NE(first.find(word), first.npos) << word << "\n" << err;
    int hints = 0;
    for (std::string line; std::getline(lines, line); hints++) EXPECT_TRUE(is_hint(line)) << err;
    EXPECT_LE(hints, 1) << err;
}

TEST_P(CliErrors, IsRefusedInOneLine) {
    const Wrong &wrong = GetParam();
    const auto before = names();
    const Ended ended = call(wrong.arguments, wrong.tier);
    EXPECT_EQ(ended.code, wrong.code) << ended.err;
    EXPECT_EQ(ended.out, "");
    expect_one_clear_line(ended.err, wrong.named);
    EXPECT_EQ(names(), before);
}

INSTANTIATE_TEST_SUITE_P(Cli, CliErrors, testing::ValuesIn(kWrong),
                         [](const auto &info) { return std::string(info.param.name); });

class FullOutput : public CliErrors {};

TEST_P(FullOutput, IsNoSuccess) {
    const Ended ended = call(GetParam().arguments, "", "/dev/full");
    EXPECT_EQ(ended.code, kBadInput);
    expect_one_clear_line(ended.err, {"standard output", "No space left"});
}

const Wrong kFullOutputs[] = {
    {"List", "list patterns", kBadInput, {}},
    {"Show", "show --pattern dense", kBadInput, {}},
    {"Run", RUN GOOD, kBadInput, {}},
    {"Bench",
     "bench --pattern dense --tokens 8 --head-dim 16 --min-time 0 --rounds 1",
     kBadInput,
     {}},
};
INSTANTIATE_TEST_SUITE_P(Cli, FullOutput, testing::ValuesIn(kFullOutputs),
                         [](const auto &info) { return std::string(info.param.name); });

}  // namespace
}  // namespace lacuna
