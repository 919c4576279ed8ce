// What the tool does when all is well: results equal the reference, and its JSON parses.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/cli_fixture.h"
#include "tests/npy_file.h"
#include "tests/oracle.h"

namespace lacuna {
namespace {

using nlohmann::json;

using Shape = std::vector<int64_t>;

struct RunCase {
    const char *name, *pattern;
    Shape q, k, v;
    const char *options = "";
    int64_t q_start = -1;  // -1: the last positions
    double scale = 0, softcap = 0;
};

void PrintTo(const RunCase &c, std::ostream *out) { *out << c.name; }

const RunCase kRuns[] = {
    {"Plain", "window:9+every:5", {2, 37, 16}, {2, 37, 16}, {2, 37, 16}},
    {"Compiled", "window:9+every:5", {2, 37, 16}, {2, 37, 16}, {2, 37, 16}, "--compiled"},
    {"GroupedHeads", "window:9+every:5", {6, 37, 16}, {2, 37, 16}, {2, 37, 16}},
    {"Batch", "window:9+every:5", {3, 4, 21, 16}, {3, 2, 21, 16}, {3, 2, 21, 16}, "--threads 2"},
    {"BatchOfOne", "dense", {1, 1, 5, 16}, {1, 1, 5, 16}, {1, 1, 5, 16}},
    {"LongerKeys", "window:9+sink:2", {2, 7, 16}, {2, 37, 16}, {2, 37, 16}},
    {"QStart", "window:9", {2, 7, 16}, {2, 37, 16}, {2, 37, 16}, "--q-start 11", 11},
    {"QStartZero", "bidi/local:3,4", {2, 7, 16}, {2, 37, 16}, {2, 37, 16}, "--q-start 0", 0},
    {"ValueSize", "dense", {2, 9, 16}, {2, 9, 16}, {2, 9, 24}},
    {"ScaleAndSoftcap",
     "block:8",
     {2, 20, 16},
     {2, 20, 16},
     {2, 20, 16},
     "--scale -0.5 --softcap 2",
     -1,
     -0.5,
     2},
    {"EmptyRows", "every:64", {1, 5, 16}, {1, 70, 16}, {1, 70, 16}, "--q-start 60", 60},
};

class CliRun : public Tool, public testing::WithParamInterface<RunCase> {
protected:
    // The reference, over all heads of all sequences.
    struct Expected {
        std::vector<double> out, log_sum_exp;
        double tolerance = 1e-12;
    };

    static Expected expected(const Array &q, const Array &k, const Array &v) {
        const RunCase &c = GetParam();
        lac_pattern pattern{};
        EXPECT_EQ(lac_pattern_parse(c.pattern, &pattern, nullptr), LAC_OK);
        const int64_t rows = *(c.q.end() - 2), keys = *(c.k.end() - 2);
        const int64_t heads = *(c.q.end() - 3), kv_heads = *(c.k.end() - 3);
        const int64_t d = c.q.back(), dv = c.v.back();
        const int64_t units = static_cast<int64_t>(q.data.size()) / (rows * d);
        Expected all;
        for (int64_t unit = 0; unit < units; unit++) {
            const int64_t head = unit % heads;
            const int64_t kv = unit / heads * kv_heads + head * kv_heads / heads;
            const int64_t start = c.q_start < 0 ? keys - rows : c.q_start;
            const auto q_start = static_cast<int32_t>(start);
            const lac_shape shape{sizeof(lac_shape),
                                  1,
                                  static_cast<int32_t>(heads),
                                  static_cast<int32_t>(kv_heads),
                                  static_cast<int32_t>(rows),
                                  static_cast<int32_t>(keys),
                                  nullptr,
                                  nullptr,
                                  &q_start,
                                  nullptr,
                                  nullptr,
                                  0};
            const OracleInput input{&pattern, &shape,
                                    0,        static_cast<int32_t>(head),
                                    rows,     keys,
                                    start,    d,
                                    dv,       c.scale != 0 ? c.scale : 1 / std::sqrt(d),
                                    c.softcap};
            const OracleOutput one = oracle(input, &q.data[unit * rows * d], &k.data[kv * keys * d],
                                            &v.data[kv * keys * dv]);
            all.out.insert(all.out.end(), one.out.begin(), one.out.end());
            all.log_sum_exp.insert(all.log_sum_exp.end(), one.log_sum_exp.begin(),
                                   one.log_sum_exp.end());
            all.tolerance = std::max(all.tolerance, std::pow(8 * 0x1p-23 * one.largest_score, 2));
        }
        return all;
    }
};

TEST_P(CliRun, EqualsTheOracle) {
    const RunCase &c = GetParam();
    const Array q = put_tensor("q.npy", c.q), k = put_tensor("k.npy", c.k),
                v = put_tensor("val.npy", c.v);
    const Ended ended = call(
        "run --q q.npy --k k.npy --v val.npy -o out.npy --check "
        "--log-sum-exp l.npy --pattern " +
        std::string(c.pattern) + " " + c.options);
    ASSERT_EQ(ended.code, 0) << ended.err;
    EXPECT_EQ(ended.err, "");
    EXPECT_EQ(std::count(ended.out.begin(), ended.out.end(), '\n'), 1) << ended.out;
    EXPECT_EQ(ended.out.find("out.npy: shape ("), 0U) << ended.out;
    const Array out = read_npy(at("out.npy")), sums = read_npy(at("l.npy"));
    Shape shape = c.q;
    shape.pop_back();
    EXPECT_EQ(sums.shape, shape);
    shape.push_back(c.v.back());
    ASSERT_EQ(out.shape, shape);
    const Expected want = expected(q, k, v);
    EXPECT_LE(nmse(want.out, {out.data.begin(), out.data.end()}), want.tolerance);
    for (size_t i = 0; i < want.log_sum_exp.size(); i++) {
        if (std::isinf(want.log_sum_exp[i]))
            EXPECT_EQ(sums.data[i], want.log_sum_exp[i]) << i;
        else
            EXPECT_NEAR(sums.data[i], want.log_sum_exp[i], 1e-5) << i;
    }
}

INSTANTIATE_TEST_SUITE_P(Cli, CliRun, testing::ValuesIn(kRuns),
                         [](const auto &info) { return std::string(info.param.name); });

const char *const kRun = "run --pattern window:4 --q q.npy --k k.npy --v v.npy -o out.npy ";

TEST_F(Cli, RunDescribesItselfInJson) {
    put_tensors();
    const json run = parsed(std::string(kRun) + "--check --json --threads 2");
    EXPECT_EQ(run["output"], "out.npy");
    EXPECT_EQ(run["shape"], json({4, 12, 16}));
    EXPECT_EQ(run["pattern"], "window:4");
    EXPECT_EQ(run["kernel"], "lac_attention_f32_d16");
    EXPECT_EQ(run["q_start"], 3);
    EXPECT_EQ(run["kept_pairs"], 48);
    EXPECT_EQ(run["total_pairs"], 4 * 48);
    EXPECT_EQ(run["threads"], 2);
    EXPECT_GT(run["ms"], 0);
    EXPECT_LE(run["nmse"], run["tolerance"]);
    EXPECT_EQ(run["agrees"], true);
}

// The queries of put_tensors() stand at 3 to 14.
bool in_block(int64_t head, int64_t q, int64_t k) { return (q + 3) / 4 == k / 4 && head != 1; }

TEST_F(Cli, RunReadsAMaskOfBlocks) {
    put_tensors();
    put("m.npy", mask_file({4, 12, 15}, in_block));
    const std::string files = "run --q q.npy --k k.npy --v v.npy -o out.npy --check --json ";
    for (const std::string pattern : {"mask:blocks,4", "topk:15,block=4"}) {
        const json run = parsed(files + "--mask m.npy --pattern " + pattern);
        EXPECT_EQ(run["agrees"], true) << pattern;
        EXPECT_EQ(run["total_pairs"], 3 * (4 + 10 + 10 + 6)) << pattern;
    }
    const Array masked = read_npy(at("out.npy"));
    parsed(files + "--pattern heads(0=block:4|1=every:64|2-3=block:4)");
    const Array mix = read_npy(at("out.npy"));
    // Head 1 of the mask keeps nothing: zeros.
    constexpr size_t kHead = size_t{12} * 16;
    for (size_t i = 0; i < masked.data.size(); i++)
        ASSERT_NEAR(masked.data[i], i / kHead == 1 ? 0 : mix.data[i], 1e-5) << i;
}

// Kernels for keys that are listed one by one.
TEST_F(Cli, RunReadsListsOfKeys) {
    put_tensors();
    put("m.npy", mask_file({2, 12, 15}, [](int64_t head, int64_t q, int64_t k) {
            return k <= q + 3 && (head * 5 + q * 7 + k * k) % 3 == 0;
        }));
    put("g.npy", npy_file<int32_t>("<i4", {3}, {0, 5, 13}));
    for (const std::string options :
         {"--mask m.npy --pattern mask:csr", "--mask m.npy --pattern mask:pairs",
          "--mask m.npy --pattern topk:15", "--globals g.npy --pattern bidi/global:list",
          "--mask m.npy --globals g.npy --pattern heads(0-2=mask:csr|3=window:2)+global:list"}) {
        for (const char *types : {"", " --kv-dtype int8"}) {
            const Ended ended = call(
                "run --q q.npy --k k.npy --v v.npy -o out.npy --check --json " + options + types);
            ASSERT_EQ(ended.code, 0) << options << types << ended.err;
            EXPECT_EQ(json::parse(ended.out)["agrees"], true) << options << types;
        }
    }
}

TEST_F(Cli, RunTakesThePinnedTier) {
    put_tensors();
    EXPECT_EQ(parsed(std::string(kRun) + "--json", "sse41")["tier"], "sse41");
}

TEST_F(Cli, RunReplacesAnEarlierOutputAndLeavesNothingElse) {
    put_tensors();
    put("out.npy", "old");
    auto before = names();
    ASSERT_EQ(call(kRun).code, 0);
    EXPECT_EQ(names(), before);
    EXPECT_EQ(read_npy(at("out.npy")).shape, (Shape{4, 12, 16}));
}

// Scores past the range of f32: a number in float64, none in the kernel.
TEST_F(Cli, CheckFindsADisagreement) {
    const Array huge{{1, 3, 16}, std::vector<float>(48, 1e20F)};
    put("q.npy", npy_bytes(huge));
    const Ended ended =
        call("run --pattern dense --q q.npy --k q.npy --v q.npy -o out.npy --check");
    EXPECT_EQ(ended.code, 1);
    EXPECT_NE(ended.err.find("lacuna: out.npy: "), ended.err.npos) << ended.err;
    EXPECT_NE(ended.err.find("exceeds the tolerance"), ended.err.npos) << ended.err;
    EXPECT_TRUE(names().count("out.npy"));
}

TEST_F(Cli, ShowCountsPairs) {
    const json show = parsed("show --pattern window:4 --tokens 10 --json");
    EXPECT_EQ(show["pairs"], 34);
    EXPECT_EQ(show["dense_pairs"], 55);
    const Ended picture = call("show --pattern window:4 --tokens 10 --ascii --png p.png");
    EXPECT_EQ(picture.code, 0);
    EXPECT_NE(picture.out.find("34 of 55 pairs"), picture.out.npos) << picture.out;
    EXPECT_EQ(names(), std::set<std::string>{"p.png"});
}

TEST_F(Cli, ShowDrawsAMixHeadByHead) {
    const std::string mix = "show --tokens 3 --ascii --pattern heads(0-1=window:1|2=dense)";
    EXPECT_EQ(call(mix).out,
              "heads 0-1: window:1\n#..\n.#.\n..#\nhead 2: dense\n#..\n##.\n###\n"
              "12 of 18 pairs (66.7 % of dense causal) in 3 heads, "
              "heads(0-1=window:1|2=dense)\n");
    EXPECT_EQ(call(mix + " --head 1").out,
              "head 1: window:1\n#..\n.#.\n..#\n3 of 6 pairs (50.0 % of dense causal), window:1\n");
    const json show = parsed(mix + " --json");
    EXPECT_EQ(show["pairs"], 12);
    EXPECT_EQ(show["dense_pairs"], 18);
    const json heads = {
        {{"first", 0}, {"last", 1}, {"pattern", "window:1"}, {"pairs", 6}, {"density", 0.5}},
        {{"first", 2}, {"last", 2}, {"pattern", "dense"}, {"pairs", 6}, {"density", 1.0}}};
    EXPECT_EQ(show["heads"], heads);
}

TEST_F(Cli, ShowReadsLists) {
    put("m.npy", mask_file({2, 2, 3}, [](int64_t head, int64_t q, int64_t k) {
            return (head == 0 ? k : 2 - k) == q;
        }));
    put("g.npy", npy_file<int64_t>("<i8", {1}, {1}));
    EXPECT_EQ(call("show --ascii --pattern bidi/mask:csr --mask m.npy").out,
              "head 0: bidi/mask:csr\n#..\n.#.\nhead 1: bidi/mask:csr\n..#\n.#.\n"
              "4 of 12 pairs (33.3 % of dense bidi) in 2 heads, bidi/mask:csr\n");
    EXPECT_EQ(call("show --ascii --tokens 3 --pattern bidi/global:list --globals g.npy").out,
              ".#.\n###\n.#.\n5 of 9 pairs (55.6 % of dense bidi), bidi/global:list\n");
}

// The draws of bigbird hang on the KV head.
TEST_F(Cli, ShowDrawsTheHeadOfBigBird) {
    const std::string bigbird = "show --pattern bidi/bigbird:2,1,1,0 --tokens 40 --ascii";
    const std::string first = call(bigbird).out;
    EXPECT_EQ(call(bigbird + " --head 0").out, first);
    EXPECT_NE(call(bigbird + " --head 3").out, first);
}

TEST_F(Cli, ListsAreJsonToo) {
    for (const std::string list : {"patterns", "targets", "kernels"}) {
        const json rows = parsed("list " + list + " --json");
        ASSERT_TRUE(rows.is_array()) << list;
        EXPECT_FALSE(rows.empty()) << list;
        const Ended text = call("list " + list);
        EXPECT_EQ(text.code, 0);
        EXPECT_FALSE(text.out.empty());
    }
}

// What `list patterns` gives as an example is a pattern.
TEST_F(Cli, ExamplesOfPatternsAreRead) {
    for (const json &row : parsed("list patterns --json")) {
        const auto example = row["example"].get<std::string>();
        lac_pattern pattern{};
        EXPECT_EQ(lac_pattern_parse(example.c_str(), &pattern, nullptr), LAC_OK) << example;
        for (const json &parameter : row["parameters"])
            EXPECT_EQ(
                parameter["named"] == true,
                example.find("," + parameter["name"].get<std::string>() + "=") != example.npos);
    }
}

TEST_F(Cli, EverySubcommandHelps) {
    for (const std::string command : {"generate", "run", "bench", "show", "list"}) {
        const Ended help = call(command + " --help");
        EXPECT_EQ(help.code, 0);
        EXPECT_NE(help.out.find("Usage: lacuna " + command), help.out.npos) << help.out;
    }
}

}  // namespace
}  // namespace lacuna
