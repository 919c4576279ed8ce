// What list and the manifest say of a spec's layers.
#include "tests/cli_fixture.h"

namespace lacuna {
namespace {

const char *const kLayers = R"json({
  "model": {"heads": 4, "kv_heads": 2, "tokens": 100, "head_dim": 16, "value_dim": 8},
  "layers": [{"layers": "0,2", "pattern": "window:10"}, {"layers": "1", "pattern": "topk:4"},
             {"layers": "3", "pattern": "heads(0=sink:2|1-2=window:1|3=dense)"}]})json";

// Counted by hand: the window sees 10 keys but for the first rows, the sink 2 but for the first.
TEST_F(Cli, ListExplainsTheLayersOfASpec) {
    put("s.json", kLayers);
    const json list = parsed("list --spec s.json --json");
    EXPECT_EQ(parsed("list layers --spec s.json --json"), list);
    EXPECT_EQ(list["model"]["layers"], 4);
    const int64_t dense = 20200, window = 3820, mix = 199 + 200 + 5050;
    const json &first = list["layers"][0];
    EXPECT_EQ(first["pattern"], "window:10");
    EXPECT_EQ(first["kernel"], "lac_attention_window_10_f32_d16x8");
    EXPECT_EQ(first["pairs"], window);
    EXPECT_EQ(first["dense_pairs"], dense);
    EXPECT_EQ(first["flops"], 48 * window);
    EXPECT_EQ(first["kv_bytes"], 48 * window);
    EXPECT_EQ(first["dense_kv_bytes"], 48 * dense);
    EXPECT_TRUE(list["layers"][1]["pairs"].is_null());
    const json &last = list["layers"][3];
    EXPECT_EQ(last["pairs"], mix);
    // Heads 0 and 1 share K and V: the union of sink and window, which overlap in two pairs.
    EXPECT_EQ(last["kv_bytes"], 4 * (16 + 8) * (199 + 100 - 2 + 5050));
    EXPECT_EQ(list["total"]["layers"], 3);
    // A cache keeps 10 keys of the window, and all where a head or a list may see any.
    const int64_t token = int64_t{2} * (16 + 8) * 4;
    EXPECT_EQ(list["model"]["token_bytes"], token);
    EXPECT_EQ(first["cache_bytes"], 10 * token);
    EXPECT_EQ(list["layers"][1]["cache_bytes"], 100 * token);
    EXPECT_EQ(list["total"]["cache_bytes"], (10 + 100 + 10 + 100) * token);
    EXPECT_EQ(list["total"]["dense_cache_bytes"], 400 * token);
    EXPECT_EQ(list["total"]["pairs"], 2 * window + mix);
    EXPECT_EQ(list["total"]["dense_pairs"], 3 * dense);
    const Ended text = call("list --spec s.json");
    EXPECT_NE(text.out.find("at run time"), text.out.npos) << text.out;
    EXPECT_NE(text.out.find("total"), text.out.npos) << text.out;
}

TEST_F(Cli, ManifestsNameTheKernelsOfLayers) {
    put("s.json", kLayers);
    const json manifest = parsed("generate --spec s.json --tiers sse41 -o out --quiet --json");
    ASSERT_EQ(manifest["layers"].size(), 4U);
    const int64_t token = int64_t{2} * (16 + 8) * 4;
    const json row = {{"layer", 2},
                      {"pattern", "window:10"},
                      {"kernels", {"lac_attention_window_10_f32_d16x8"}},
                      {"cache_bytes", 10 * token}};
    EXPECT_EQ(manifest["layers"][2], row);
    const json model = {{"tokens", 100},
                        {"token_bytes", token},
                        {"cache_bytes", (10 + 100 + 10 + 100) * token},
                        {"dense_cache_bytes", 400 * token}};
    EXPECT_EQ(manifest["model"], model);
    EXPECT_EQ(manifest["layers"][1]["kernels"], json({"lac_attention_f32_d16x8"}));
    EXPECT_EQ(manifest["kernels"].size(), 2U);
}

}  // namespace
}  // namespace lacuna
