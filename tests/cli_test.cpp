// What the tool does when all is well: results equal the reference, and its JSON parses.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/oracle.h"
#include "tests/tool.h"

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
            const OracleInput input{&pattern, rows, keys, c.q_start < 0 ? keys - rows : c.q_start,
                                    d,        dv,   head, c.scale != 0 ? c.scale : 1 / std::sqrt(d),
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

class Cli : public Tool {
protected:
    json parsed(const std::string &arguments, const std::string &tier = "") const {
        const Ended ended = call(arguments, tier);
        EXPECT_EQ(ended.code, 0) << ended.err;
        EXPECT_EQ(ended.err, "");
        return json::parse(ended.out, nullptr, false);
    }
    void put_tensors() const {
        put_tensor("q.npy", {4, 12, 16});
        put_tensor("k.npy", {2, 15, 16});
        put_tensor("v.npy", {2, 15, 16});
    }
};

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
    EXPECT_EQ(run["threads"], 2);
    EXPECT_GT(run["ms"], 0);
    EXPECT_LE(run["nmse"], run["tolerance"]);
    EXPECT_EQ(run["agrees"], true);
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

TEST_F(Cli, EverySubcommandHelps) {
    for (const std::string command : {"generate", "run", "bench", "show", "list"}) {
        const Ended help = call(command + " --help");
        EXPECT_EQ(help.code, 0);
        EXPECT_NE(help.out.find("Usage: lacuna " + command), help.out.npos) << help.out;
    }
}

const char *const kBench =
    "bench --pattern window:8 --tokens 32,48 --heads 4 --kv-heads 2 --head-dim 16 "
    "--min-time 0.01 --rounds 2 ";

TEST_F(Cli, BenchIsGoogleBenchmarkJson) {
    const json bench = parsed(std::string(kBench) + "--json --out b.json --batch 2", "sse41");
    std::ifstream file(at("b.json"));
    EXPECT_EQ(json::parse(file), bench);
    for (const char *key : {"date", "host_name", "executable", "num_cpus", "library_version"})
        EXPECT_TRUE(bench["context"].contains(key)) << key;
    ASSERT_EQ(bench["benchmarks"].size(), 2U);
    const json &e = bench["benchmarks"][1];
    for (const char *key :
         {"name", "run_name", "real_time", "cpu_time", "value_dim", "plan_us", "workspace_bytes",
          "p99_ms", "gflops", "peak_gflops", "ratio", "dense_min_ms"})
        EXPECT_TRUE(e.contains(key)) << key;
    const json fixed = {{"run_type", "iteration"}, {"time_unit", "ms"}, {"pattern", "window:8"},
                        {"phase", "prefill"},      {"tokens", 48},      {"heads", 4},
                        {"kv_heads", 2},           {"head_dim", 16},    {"threads", 1},
                        {"dtype", "f32"},          {"kv_dtype", "f32"}, {"tier", "sse41"},
                        {"attended_pairs", 356}};
    for (const auto &[key, value] : fixed.items()) EXPECT_EQ(e[key], value) << key;
    EXPECT_GE(e["iterations"], 5);
    EXPECT_LE(e["min_ms"], e["p50_ms"]);
    EXPECT_LE(e["p50_ms"], e["p95_ms"]);
    EXPECT_LE(e["p95_ms"], e["p99_ms"]);
    const double flops = 4.0 * 16 * 356 * 4 * 2, ms = e["min_ms"];
    EXPECT_NEAR(e["gflops"], flops / ms / 1e6, 1e-6 * flops / ms / 1e6);
    EXPECT_NEAR(e["ratio"], e["gflops"].get<double>() / e["peak_gflops"].get<double>(), 1e-6);
    EXPECT_LT(e["ratio"], 1);
}

TEST_F(Cli, BenchPrintsALineAnEntry) {
    const Ended ended = call(std::string(kBench) + "--words --no-dense");
    EXPECT_EQ(ended.code, 0) << ended.err;
    std::istringstream lines(ended.out);
    std::vector<size_t> widths;
    for (std::string line; std::getline(lines, line);) widths.push_back(line.size());
    EXPECT_EQ(widths, std::vector<size_t>(3, widths.at(0))) << ended.out;
}

}  // namespace
}  // namespace lacuna
