// --dtype, --kv-dtype and --arithmetic as a user gives them.
#include <fstream>
#include <limits>

#include "cli/errors.h"
#include "tests/cli_fixture.h"

namespace lacuna {
namespace {

const std::string kRun = "run --pattern window:4 --q q.npy --k k.npy --v v.npy -o out.npy ";

// Rounded to the types, in files of the type that NumPy has for them.
TEST_F(Cli, RunTakesTypes) {
    put_tensors();
    put("k.npy", npy_bytes(read_npy(at("k.npy")), LAC_F16));
    const struct {
        const char *options, *kernel, *descr;
    } rows[] = {{"--kv-dtype f16", "lac_attention_f32_kvf16_d16", "'<f4'"},
                {"--dtype f16", "lac_attention_f16_d16", "'<f2'"},
                {"--kv-dtype int8", "lac_attention_f32_kvint8_d16", "'<f4'"},
                {"--dtype bf16 --kv-dtype f16,f32", "lac_attention_bf16_kf16_vf32_d16", "'<f4'"}};
    for (const auto &row : rows) {
        const json run = parsed(kRun + "--check --json " + row.options);
        EXPECT_EQ(run["kernel"], row.kernel);
        EXPECT_EQ(run["agrees"], true) << row.kernel << run["nmse"];
        std::ifstream file(at("out.npy"), std::ios::binary);
        std::string header(64, ' ');
        file.read(header.data(), 64);
        EXPECT_NE(header.find(row.descr), std::string::npos) << row.kernel;
    }
}

// Quantised here, K and V by head; the same bits from every tier, read back as numbers.
TEST_F(Cli, RunTakesFixed8) {
    put_tensors();
    std::vector<float> first;
    for (const char *tier : {"avx2", "sse41"}) {
        const json run = parsed(kRun + "--dtype fixed8 --check --json", tier);
        EXPECT_EQ(run["kernel"], "lac_attention_fixed8_d16");
        EXPECT_EQ(run["agrees"], true) << run;
        EXPECT_GT(run["nmse"], 1e-8);
        const std::vector<float> out = read_npy(at("out.npy")).data;
        if (!first.empty()) {
            EXPECT_EQ(out, first);
        }
        first = out;
    }
    // A query that keeps its own key alone gives V of that key: a unit of it is 0.02.
    const json one = parsed(
        "run --pattern window:1 --q q.npy --k k.npy --v v.npy -o out.npy --dtype fixed8 --check "
        "--json");
    EXPECT_LT(one["max_abs_error"], 1e-3);
    Array k = read_npy(at("k.npy"));
    k.data[5] = std::numeric_limits<float>::infinity();
    put("k.npy", npy_bytes(k));
    const Ended ended = call(kRun + "--dtype fixed8");
    EXPECT_EQ(ended.code, 3);
    EXPECT_NE(ended.err.find("k.npy: element 5 is inf"), std::string::npos) << ended.err;
}

TEST_F(Cli, RunTakesFixed8ThroughACache) {
    put_tensor("q.npy", {2, 4, 15, 16});
    put_tensor("k.npy", {2, 2, 15, 16});
    put_tensor("v.npy", {2, 2, 15, 16});
    const auto results = [&](const std::string &options) {
        const json run =
            parsed(kRun + "--dtype fixed8 --check --log-sum-exp lse.npy --json" + options);
        EXPECT_EQ(run["agrees"], true) << run;
        return std::pair(read_npy(at("out.npy")).data, read_npy(at("lse.npy")).data);
    };
    const auto want = results("");
    for (const char *options : {" --via cache --chunk 1", " --via cache --chunk 7 --threads 2"})
        EXPECT_EQ(results(options), want) << options;
}

TEST_F(Cli, BenchTakesTypes) {
    const json e = parsed(
        "bench --pattern window:8 --tokens 48 --heads 2 --head-dim 16 --min-time 0.01 --rounds 2 "
        "--no-dense --json --kv-dtype f16,bf16")["benchmarks"][0];
    EXPECT_EQ(e["dtype"], "f32");
    EXPECT_EQ(e["kv_dtype"], "f16,bf16");
    EXPECT_NE(e["name"].get<std::string>().find("/dtype:f32_kf16_vbf16/"), std::string::npos);
}

const std::string kGenerate = "generate --head-dim 16 -o out --quiet ";

std::vector<std::string> arithmetic_of_tiers(const json &manifest) {
    std::vector<std::string> all;
    for (const json &tier : manifest["kernels"][0]["tiers"])
        all.push_back(tier["tier"].get<std::string>() + ":" +
                      tier["arithmetic"].get<std::string>());
    return all;
}

// By options, and by a spec.
TEST_F(Cli, GenerateTakesArithmetic) {
    put("s.json", R"({"kernels": [{"kv_dtype": "f16", "arithmetic": "f16", "head_dim": 16}]})");
    for (const std::string &how :
         {std::string("--kv-dtype f16 --arithmetic f16"), std::string("--spec s.json")}) {
        const json manifest = parsed(kGenerate + "--target aarch64-linux-gnu --json " + how);
        EXPECT_EQ(manifest["kernels"][0]["name"], "lac_attention_f32_kvf16_d16_af16");
        EXPECT_EQ(manifest["kernels"][0]["arithmetic"], "f16");
        EXPECT_EQ(arithmetic_of_tiers(manifest),
                  (std::vector<std::string>{"dotprod:f16", "fp16:f16", "neon:f32"}));
    }
    const json usual = parsed(kGenerate + "--target aarch64-linux-gnu --json --kv-dtype f16");
    EXPECT_EQ(usual["kernels"][0]["name"], "lac_attention_f32_kvf16_d16");
    EXPECT_EQ(arithmetic_of_tiers(usual),
              (std::vector<std::string>{"dotprod:f32", "fp16:f32", "neon:f32"}));
}

TEST_F(Cli, GenerateRefusesArithmetic) {
    put("s.json", R"({"kernels": [{"kv_dtype": "bf16", "arithmetic": "f16", "head_dim": 16}]})");
    const struct {
        const char *options;
        int code;
        const char *named;
    } rows[] = {
        {"--dtype f16 --arithmetic f16", kUnsupportedTarget,
         "lac_attention_f16_d16_af16: arithmetic in f16, which none of the tiers has (avx512vnni"},
        {"--target aarch64-linux-gnu --tiers neon --dtype f16 --arithmetic f16", kUnsupportedTarget,
         "none of the tiers has (neon), expected a target with aarch64's"},
        {"--target aarch64-linux-gnu --arithmetic f16", kUsage,
         "--arithmetic: f16 needs K and V of f16, found f32"},
        {"--target aarch64-linux-gnu --dtype fixed8 --arithmetic f16", kUsage, "found fixed8"},
        {"--dtype f16 --arithmetic f64", kUsage, "--arithmetic: 'f64', expected f32 or f16"},
        {"--spec s.json", kBadInput, "s.json: kernels[0].arithmetic: f16 needs K and V of f16"}};
    for (const auto &row : rows) {
        const Ended ended = call(kGenerate + row.options);
        EXPECT_EQ(ended.code, row.code) << row.options;
        EXPECT_NE(ended.err.find(row.named), std::string::npos) << ended.err;
        EXPECT_FALSE(std::filesystem::exists(at("out"))) << row.options;
    }
}

}  // namespace
}  // namespace lacuna
