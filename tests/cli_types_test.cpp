// --dtype and --kv-dtype as a user gives them.
#include <fstream>

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

TEST_F(Cli, BenchTakesTypes) {
    const json e = parsed(
        "bench --pattern window:8 --tokens 48 --heads 2 --head-dim 16 --min-time 0.01 --rounds 2 "
        "--no-dense --json --kv-dtype f16,bf16")["benchmarks"][0];
    EXPECT_EQ(e["dtype"], "f32");
    EXPECT_EQ(e["kv_dtype"], "f16,bf16");
    EXPECT_NE(e["name"].get<std::string>().find("/dtype:f32_kf16_vbf16/"), std::string::npos);
}

}  // namespace
}  // namespace lacuna
