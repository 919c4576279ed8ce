// lacuna bench, and run through the cache, as a user calls them.
#include <algorithm>
#include <fstream>

#include "cli/files.h"
#include "tests/cli_fixture.h"

namespace lacuna {
namespace {

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

TEST_F(Cli, BenchMakesLists) {
    const std::string lists =
        "bench --tokens 48 --heads 4 --kv-heads 2 --head-dim 16 --min-time 0.01 --rounds 1 --json "
        "--no-dense --pattern ";
    const std::string blocks = lists + "mask:blocks,8 --density 0.5 --list-heads kv";
    const json e = parsed(blocks)["benchmarks"][0];
    // Of 1 to 6 blocks in sight, half of them rounded up, for two KV heads.
    EXPECT_EQ(e["list_entries"], 2 * (1 + 1 + 2 + 2 + 3 + 3));
    EXPECT_EQ(e["lists"], "random");
    EXPECT_EQ(e["list_heads"], "kv");
    EXPECT_EQ(e["density"], 0.5);
    EXPECT_GT(e["plan_us"], 0);
    EXPECT_GT(e["check_us"], 0);
    EXPECT_NE(e["name"].get<std::string>().find("/lists:random/list_heads:kv/density:0.5/"),
              std::string::npos);
    EXPECT_EQ(parsed(blocks)["benchmarks"][0]["total_pairs"], e["total_pairs"]);
    const json topk = parsed(lists + "topk:16,block=8 --lists clustered")["benchmarks"][0];
    EXPECT_EQ(topk["list_entries"], 8 * 1 + 40 * 2);
    EXPECT_TRUE(topk["density"].is_null());
    EXPECT_FALSE(parsed(lists + "window:8")["benchmarks"][0].contains("lists"));
}

const char *const kBenchTopk =
    "bench --tokens 48 --heads 4 --kv-heads 2 --head-dim 16 --min-time 0.01 --rounds 1 ";

TEST_F(Cli, BenchRoutes) {
    const std::string routed = std::string(kBenchTopk) + "--lists routed --pattern topk:16,block=8";
    const json e = parsed(routed + " --json")["benchmarks"][0];
    EXPECT_EQ(e["lists"], "routed");
    EXPECT_EQ(e["route"], "minmax");
    EXPECT_EQ(e["list_heads"], "kv");
    EXPECT_EQ(e["list_entries"], 2 * (8 * 1 + 40 * 2));
    EXPECT_GT(e["route_min_ms"], 0);
    EXPECT_LE(e["route_min_ms"], e["route_p50_ms"]);
    EXPECT_LE(e["route_p50_ms"], e["route_p95_ms"]);
    EXPECT_LE(e["route_p95_ms"], e["route_p99_ms"]);
    const double share = e["route_min_ms"].get<double>() / e["dense_min_ms"].get<double>();
    EXPECT_NEAR(e["route_share"], share, 1e-6 * share);
    const Ended text = call(routed + " --route mean --threads 2 --no-dense");
    EXPECT_EQ(text.code, 0) << text.err;
    EXPECT_NE(text.out.find("\n  lac_route, mean: min "), text.out.npos) << text.out;
    // Beside listed positions, and for every sequence.
    const json both = parsed(routed + "+global:list --globals 3 --batch 2 --no-dense --json");
    EXPECT_EQ(both["benchmarks"][0]["list_entries"], 2 * 2 * (8 * 1 + 40 * 2) + 3);
    EXPECT_TRUE(both["benchmarks"][0]["route_share"].is_null());
}

TEST_F(Cli, BenchOvershoots) {
    const std::string over =
        std::string(kBenchTopk) + "--no-dense --pattern topk:4,cap=6 --overshoot 12";
    const json e = parsed(over + " --json")["benchmarks"][0];
    EXPECT_EQ(e["overshoot"], 12);
    // 4 keys where 4 are in sight; the router gave 9 to query 8 and 12 to every eighth after it.
    EXPECT_EQ(e["list_entries"], 1 + 2 + 3 + 45 * 4);
    EXPECT_EQ(e["attended_pairs"], e["list_entries"]);
    EXPECT_EQ(e["uncapped_pairs"], 1 + 2 + 3 + 45 * 4 + (9 - 4) + 4 * (12 - 4));
    EXPECT_GT(e["select_us"], 0);
    EXPECT_GT(e["uncapped_min_ms"], 0);
    EXPECT_LE(e["uncapped_min_ms"], e["uncapped_p50_ms"]);
    EXPECT_LE(e["uncapped_p50_ms"], e["uncapped_p95_ms"]);
    EXPECT_LE(e["uncapped_p95_ms"], e["uncapped_p99_ms"]);
    const Ended text = call(over + " --queries 1 --threads 2");
    EXPECT_EQ(text.code, 0) << text.err;
    EXPECT_NE(text.out.find("\n  without the cap, rows of 12: min "), text.out.npos) << text.out;
    EXPECT_NE(text.out.find("; lac_topk_select: "), text.out.npos) << text.out;
}

TEST_F(Cli, BenchNamesTheCrossover) {
    const std::string at = std::string(kBenchTopk) + "--no-dense --pattern ";
    const json strided = parsed(at + "strided:16 --json")["benchmarks"][0];
    const int crossover = strided.at("crossover");
    EXPECT_GT(crossover, 0);
    EXPECT_FALSE(parsed(at + "window:8 --json")["benchmarks"][0].contains("crossover"));
    const Ended text = call(at + "strided:16");
    const std::string note = "\n  dense order below " + std::to_string(crossover) + " tokens\n";
    EXPECT_NE(text.out.find(note), text.out.npos) << text.out;
}

TEST_F(Cli, RunViaCacheGivesTheSameFiles) {
    put_tensor("q.npy", {2, 4, 50, 16});
    put_tensor("k.npy", {2, 2, 50, 16});
    put_tensor("v.npy", {2, 2, 50, 16});
    const std::string run =
        "run --q q.npy --k k.npy --v v.npy --pattern window:9+sink:2 --check --json -o ";
    parsed(run + "whole.npy --log-sum-exp whole_sums.npy");
    for (const std::string chunk :
         {"--chunk 1", "--chunk 7", "--chunk 99 --compiled --threads 2"}) {
        parsed(run + "out.npy --log-sum-exp sums.npy --via cache " + chunk);
        EXPECT_EQ(read_npy(at("out.npy")).data, read_npy(at("whole.npy")).data) << chunk;
        EXPECT_EQ(read_npy(at("sums.npy")).data, read_npy(at("whole_sums.npy")).data) << chunk;
    }
}

// Options that are given replace a workload's; what one workload sets is gone in the next.
TEST_F(Cli, BenchMeasuresWorkloadsByName) {
    const std::string small =
        "--tokens 40 --heads 4 --kv-heads 2 --head-dim 16 --min-time 0.01 --rounds 2 ";
    const json both = parsed("bench --workload llama3-8b-decode,longformer-base " + small +
                                 "--kv-dtype f32 --no-dense --json",
                             "sse41")["benchmarks"];
    ASSERT_EQ(both.size(), 2U);
    EXPECT_EQ(both[0]["pattern"], "dense");
    EXPECT_EQ(both[0]["phase"], "decode");
    EXPECT_GT(both[0]["tokens_per_second"], 0);
    EXPECT_EQ(both[1]["pattern"], "bidi/local:256,256+global:1");
    EXPECT_EQ(both[1]["phase"], "prefill");
    for (const json &e : both) EXPECT_EQ(e["tokens"], 40);
    const Ended text = call("bench --workload bert-base " + small);
    EXPECT_EQ(text.code, 0) << text.err;
    EXPECT_EQ(text.out.rfind("bert-base: BERT base at its full length\n", 0), 0U) << text.out;
}

TEST_F(Cli, WorkloadsAreWellFormed) {
    const json rows = parsed("list workloads --json");
    EXPECT_GE(rows.size(), 10U);
    for (const json &row : rows) {
        const std::string name = row["name"];
        // The workload's options are read before this one is found not to fit them.
        const Ended refused = call("bench --kv-heads 5 --workload " + name);
        EXPECT_EQ(refused.code, kUsage);
        EXPECT_NE(refused.err.find("expected a divisor"), refused.err.npos) << refused.err;
    }
}

TEST_F(Cli, BenchDecodes) {
    const std::string decode = std::string(kBench) + "--phase decode --batch 2 --layers 3 ";
    const json e = parsed(decode + "--json")["benchmarks"][1];
    EXPECT_EQ(e["name"].get<std::string>().rfind("decode/window:8/tokens:48/", 0), 0U);
    EXPECT_EQ(e["phase"], "decode");
    EXPECT_EQ(e["queries"], 1);
    EXPECT_EQ(e["attended_pairs"], 8);
    EXPECT_EQ(e["kept_keys"], 8);
    EXPECT_EQ(e["read_bytes"], 8 * 2 * 2 * (16 + 16) * 4);
    EXPECT_GT(e["cache_bytes"], e["read_bytes"]);
    EXPECT_NEAR(e["gbps"], e["read_bytes"].get<double>() / e["min_ms"].get<double>() / 1e6, 1e-3);
    EXPECT_GT(e["peak_gbps"], 0);
    EXPECT_NEAR(e["tokens_per_second"].get<double>() * e["min_ms"].get<double>(), 2e3 / 3, 1e-2);
    const Ended text = call(decode + "--no-dense --threads 2");
    EXPECT_EQ(text.code, 0) << text.err;
    EXPECT_NE(text.out.find(" GB/s, 8 keys kept, cache "), text.out.npos) << text.out;
    EXPECT_NE(text.out.find("attention of 3 layers: "), text.out.npos) << text.out;
    EXPECT_EQ(call(std::string(kBench) + "--layers 3").code, kUsage);
}

TEST_F(Cli, BenchComparesTwoFiles) {
    const auto bench_file = [](const std::string &name, double factor, int rounds) {
        json row = {{"name", name}, {"round_min_ms", json::array()}};
        for (int i = 0; i < rounds; i++) row["round_min_ms"].push_back(factor * (1 + 0.001 * i));
        return json{{"benchmarks", {row}}}.dump();
    };
    put("old.json", bench_file("a", 1, 10));
    put("slow.json", bench_file("a", 1.1, 10));
    put("near.json", bench_file("a", 1.004, 10));
    put("short.json", bench_file("a", 1, 5));
    put("other.json", bench_file("b", 1, 10));
    const Ended slower = call("bench --compare old.json slow.json");
    EXPECT_EQ(slower.code, kFinding);
    EXPECT_NE(slower.out.find("+10.0%"), slower.out.npos) << slower.out;
    EXPECT_NE(slower.err.find("slower than old.json: a"), slower.err.npos) << slower.err;
    const json faster = parsed("bench --compare slow.json old.json --json")[0];
    EXPECT_EQ(faster["verdict"], "faster");
    EXPECT_LT(faster["p"], 0.001);
    // Significant, and too little to care.
    EXPECT_EQ(parsed("bench --compare old.json near.json --json")[0]["verdict"], "same");
    EXPECT_EQ(parsed("bench --compare old.json old.json --json")[0]["verdict"], "same");
    EXPECT_EQ(call("bench --compare old.json short.json").code, kBadInput);
    EXPECT_EQ(call("bench --compare old.json other.json").code, kBadInput);
    EXPECT_EQ(call("bench").code, kUsage);
    // What bench writes can be compared.
    const std::string run =
        "bench --pattern window:8 --tokens 32 --head-dim 16 --heads 4 "
        "--kv-heads 2 --min-time 0.01 --rounds 8 --no-dense --out ";
    EXPECT_EQ(call(run + "b1.json").code, 0);
    EXPECT_EQ(parsed("bench --compare b1.json b1.json --json").size(), 1U);
}

TEST_F(Cli, BenchWritesAReport) {
    const std::string run = std::string(kBench) + "--html r.html";
    EXPECT_EQ(call(run).code, 0);
    const std::string html = read_file(at("r.html"));
    for (const char *part : {"<!doctype html>", "prefers-color-scheme:dark", "Roofline",
                             "Sparse and dense over length", "<th>p99", "tokens:48/heads:4"})
        EXPECT_NE(html.find(part), html.npos) << part;
    // Two charts, and nothing that has to be fetched.
    size_t charts = 0;
    for (size_t at = html.find("<svg "); at != std::string::npos; at = html.find("<svg ", at + 1))
        charts++;
    EXPECT_EQ(charts, 2U);
    for (const char *fetched : {"http:", "https:", "src=", "url("})
        EXPECT_EQ(html.find(fetched), html.npos) << fetched;
    EXPECT_EQ(html.find("nan"), html.npos);
}

TEST_F(Cli, BenchDrawsAPicture) {
    const std::string run = std::string(kBench) + "--png r.png";
    EXPECT_EQ(call(run).code, 0);
    const std::string png = read_file(at("r.png"));
    ASSERT_GT(png.size(), 5000U);
    EXPECT_EQ(png.substr(1, 3), "PNG");
    // Two charts of 640 by 360, at twice the size: big-endian words of the header.
    EXPECT_EQ(png.substr(16, 8), std::string("\0\0\x05\0\0\0\x05\xa0", 8));
}

// Lines join entries of one pattern and shape.
TEST_F(Cli, ReportsOfSeveralPatternsHaveAChartForEach) {
    const std::string small =
        "--tokens 32,48 --heads 4 --head-dim 16 --min-time 0.01 --rounds 2 --html r.html";
    EXPECT_EQ(call("bench --workload longformer-base,sparse-transformer " + small).code, 0);
    const std::string html = read_file(at("r.html"));
    EXPECT_NE(html.find("<h1>2 patterns</h1>"), html.npos);
    for (const char *title : {"<title>bidi/local:256,256+global:1, prefill, 4 heads on 4 of 16",
                              "<title>window:128+strided:64, prefill, 4 heads on 4 of 16"})
        EXPECT_NE(html.find(title), html.npos) << title;
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
