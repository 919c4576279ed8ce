// Which kernels a spec asks for, and for which layers.
#include "cli/spec.h"

#include <gtest/gtest.h>

#include "cli/errors.h"
#include "cli/pattern_option.h"
#include "tests/folder.h"

namespace lacuna {
namespace {

std::vector<std::string> names_of(const std::string &rows) {
    std::vector<std::string> names;
    for (const KernelSpec &k : parse_spec("{\"kernels\": [" + rows + "]}", "s.json").kernels)
        names.push_back(k.name());
    return names;
}
using Names = std::vector<std::string>;

TEST(Spec, MultipliesHeadSizes) {
    EXPECT_EQ(names_of(R"({"head_dim": [64, 80]}, {"head_dim": 64, "pattern": "window:8"})"),
              (Names{"lac_attention_f32_d64", "lac_attention_f32_d80",
                     "lac_attention_window_8_f32_d64"}));
}

TEST(Spec, NamesTypesWhereTheyAreNotQs) {
    const std::pair<const char *, const char *> rows[] = {
        {R"("dtype": "f16")", "f16"},
        {R"("dtype": "bf16", "kv_dtype": "bf16")", "bf16"},
        {R"("kv_dtype": "f16")", "f32_kvf16"},
        {R"("kv_dtype": "bf16,bf16")", "f32_kvbf16"},
        {R"("kv_dtype": "f16,bf16")", "f32_kf16_vbf16"},
        {R"("dtype": "f16", "kv_dtype": "f16,f32")", "f16_vf32"},
        {R"("dtype": "f16", "kv_dtype": "bf16,f16")", "f16_kbf16"}};
    for (const auto &[types, name] : rows)
        EXPECT_EQ(names_of("{" + std::string(types) + R"(, "head_dim": 64})"),
                  Names{std::string("lac_attention_") + name + "_d64"});
    // The same kernel, spelt twice.
    EXPECT_THROW(names_of(R"({"kv_dtype": "f16", "head_dim": 8},
                             {"kv_dtype": "f16,f16", "head_dim": 8})"),
                 Failure);
}

TEST(Spec, RefusesOtherTypesByNameAndPlace) {
    const auto refusal = [](const std::string &types) {
        try {
            names_of("{" + types + R"(, "head_dim": 64})");
        } catch (const Failure &failure) {
            return std::string(failure.what());
        }
        return std::string();
    };
    EXPECT_EQ(refusal(R"("dtype": "f64")"),
              "s.json: kernels[0].dtype: dtype 'f64', expected f32, f16, bf16 or fixed8");
    EXPECT_EQ(
        refusal(R"("kv_dtype": "f16,int4")"),
        "s.json: kernels[0].kv_dtype: dtype 'int4' in 'f16,int4', expected f32, f16, bf16 or int8");
    EXPECT_EQ(refusal(R"("dtype": "f16", "arithmetic": "bf16")"),
              "s.json: kernels[0].arithmetic: 'bf16', expected f32 or f16");
    EXPECT_EQ(refusal(R"("kv_dtype": "f16,bf16", "arithmetic": "f16")"),
              "s.json: kernels[0].arithmetic: f16 needs K and V of f16, found f16,bf16");
    for (const char *types :
         {R"("arithmetic": "")", R"("arithmetic": 16)", R"("arithmetic": "f16")",
          R"("dtype": "fixed8", "arithmetic": "f16")", R"("kv_dtype": ",")",
          R"("kv_dtype": "f16,")", R"("dtype": "")", R"("kv_dtype": "f16,f16,f16")",
          R"("dtype": 16)", R"("dtype": "F16")"})
        EXPECT_NE(refusal(types), "") << types;
}

TEST(Spec, NamesArithmeticInF16) {
    EXPECT_EQ(names_of(R"({"kv_dtype": "f16", "arithmetic": "f16", "head_dim": [64, 72]},
                          {"kv_dtype": "f16", "arithmetic": "f32", "head_dim": 64},
                          {"dtype": "f16", "arithmetic": "f16", "head_dim": 64,
                           "pattern": "window:8"})"),
              (Names{"lac_attention_f32_kvf16_d64_af16", "lac_attention_f32_kvf16_d72_af16",
                     "lac_attention_f32_kvf16_d64", "lac_attention_window_8_f16_d64_af16"}));
    const Spec model = parse_spec(R"({
        "model": {"dtype": "f16", "arithmetic": "f16", "head_dim": 64},
        "layers": [{"layers": "0", "pattern": "window:8"}]})",
                                  "s.json");
    EXPECT_EQ(model.layers[0].kernels, Names{"lac_attention_window_8_f16_d64_af16"});
}

TEST(Spec, PatternsThatTakeMaskWordsShareTheKernelForAny) {
    const Names any{"lac_attention_f32_d64"};
    EXPECT_EQ(names_of(R"({"head_dim": 64}, {"head_dim": 64, "pattern": "bigbird:8,3,1,1"})"), any);
    EXPECT_EQ(names_of(R"({"head_dim": 64, "pattern": "bigbird:8,3,1,1"}, {"head_dim": 64})"), any);
    EXPECT_EQ(names_of(R"({"head_dim": 64, "pattern": "bigbird:8,3,1,1"},
                          {"head_dim": 64, "pattern": "bigbird:8,3,2,1"})"),
              any);
}

TEST(Spec, RefusesARowListedTwice) {
    for (const char *rows :
         {R"({"head_dim": [64, 64]})", R"({"head_dim": 64}, {"head_dim": 64})",
          R"({"head_dim": 64, "pattern": "window:8"}, {"head_dim": 64, "pattern": "window:08"})",
          R"({"head_dim": 64, "pattern": "bigbird:8,3,1,1"},
             {"head_dim": 64, "pattern": "bigbird:8,3,1,1,0"})"})
        EXPECT_THROW(names_of(rows), Failure) << rows;
}

std::string layers_of(const std::string &text) {
    std::string all;
    for (const Layer &layer : parse_spec(text, "s.json").layers) {
        all += canonical(layer.pattern) + ":";
        for (const std::string &kernel : layer.kernels) all += " " + kernel.substr(14);
        all += "\n";
    }
    return all;
}

TEST(Spec, LayersGetTheKernelsTheyNeed) {
    const char *const text = R"json({"model": {"head_dim": 64}, "layers": [
        {"layers": "0-1,4", "pattern": "window:08"},
        {"layers": "2", "pattern": "mask:csr"},
        {"layers": "3", "pattern": "heads(0=dense|1=window:8)"}]})json";
    EXPECT_EQ(layers_of(text),
              "window:8: window_8_f32_d64\n"
              "window:8: window_8_f32_d64\n"
              "mask:csr: f32_d64\n"
              "heads(0=dense|1=window:8): f32_d64\n"
              "window:8: window_8_f32_d64\n");
    Names names;
    for (const KernelSpec &k : parse_spec(text, "s.json").kernels) names.push_back(k.name());
    EXPECT_EQ(names, (Names{"lac_attention_window_8_f32_d64", "lac_attention_f32_d64"}));
}

TEST(Spec, LayersTakeTheTypesOfTheKernels) {
    const std::string kernels = R"({"kernels": [{"head_dim": [64, 80], "pattern": "dense"},
        {"head_dim": 64, "value_dim": 96}], "layers": [{"layers": "0", "pattern": "window:8"}])";
    EXPECT_EQ(layers_of(kernels + "}"),
              "window:8: window_8_f32_d64 window_8_f32_d80 window_8_f32_d64x96\n");
    EXPECT_EQ(layers_of(kernels + R"(, "model": {"head_dim": 32, "value_dim": 16}})"),
              "window:8: window_8_f32_d32x16\n");
}

TEST(Spec, ModelIsRead) {
    const Model model = parse_spec(R"({"kernels": [{"head_dim": 64}], "model":
        {"layers": 12, "heads": 8, "kv_heads": 2, "tokens": 4096}})",
                                   "s.json")
                            .model;
    EXPECT_EQ(model.layers, 12);
    EXPECT_EQ(model.heads, 8);
    EXPECT_EQ(model.kv_heads, 2);
    EXPECT_EQ(model.tokens, 4096);
}

struct WrongSpec {
    const char *layers, *model, *said;
};

TEST(Spec, ErrorsOfLayersNameTheRow) {
    const WrongSpec wrong[] = {
        {R"({"layers": "0-3", "pattern": "windw:8"})", "", "s.json: layers[0].pattern windw:8"},
        {R"({"layers": "0-3"})", "", "s.json: layers[0] has no pattern"},
        {R"({"pattern": "dense"})", "", "s.json: layers[0] has no layers"},
        {R"({"layers": "0", "pattern": "dense", "head_dim": 8})", "",
         "s.json: layers[0] has 'head_dim', expected layers or pattern"},
        {R"({"layers": 3, "pattern": "dense"})", "",
         "s.json: layers[0].layers is 3, expected a text"},
        {R"({"layers": "0,2", "pattern": "dense"})", "",
         "s.json: layers: layer 1 of 3 is in no row"},
        {R"({"layers": "0-1", "pattern": "dense"})", R"("layers": 3,)",
         "s.json: layers: layer 2 of 3 is in no row"},
        {R"({"layers": "0-3", "pattern": "dense"})", R"("layers": 3,)",
         "s.json: layers[0].layers: layer 3 is none of the model's 3"},
        {R"({"layers": "0-3", "pattern": "dense"}, {"layers": "2", "pattern": "dense"})", "",
         "s.json: layers[1].layers: layer 2 is listed twice, first in layers[0]"},
        {R"json({"layers": "0", "pattern": "heads(0-5=dense)"})json", R"("heads": 4,)",
         "s.json: layers[0].pattern heads(0-5=dense): names head 5"},
        {R"({"layers": "0", "pattern": "dense"})", R"("heads": 4, "kv_heads": 3,)",
         "s.json: model.kv_heads is 3, expected a divisor of heads"},
        {R"({"layers": "0", "pattern": "dense"})", R"("heads": 0,)",
         "s.json: model.heads is 0, expected 1 to"},
        {R"({"layers": "0", "pattern": "dense"})", R"("depth": 3,)",
         "s.json: model has 'depth', expected layers, "},
        {"", "", "s.json: layers is [], expected a list of at least one row"}};
    for (const WrongSpec &w : wrong) {
        const std::string text = std::string("{\"layers\": [") + w.layers + "], \"model\": {" +
                                 w.model + "\"head_dim\": 64}}";
        const std::string said = refusal_of([&] { parse_spec(text, "s.json"); });
        EXPECT_EQ(said.rfind(w.said, 0), 0U) << text << "\n" << said;
    }
    for (const char *layers : {"", "-", "1-", "0-", "3-2", "0,", ",0", "0 ", "a", "0-1-2", "4096",
                               "99999999999", "+1"}) {
        const std::string text =
            std::string(R"({"model": {"head_dim": 64}, "layers": [{"layers": ")") + layers +
            R"(", "pattern": "dense"}]})";
        EXPECT_NE(refusal_of([&] { parse_spec(text, "s.json"); }).find("such as 0-3,8"),
                  std::string::npos)
            << layers;
    }
}

TEST(Spec, LayersNeedAHeadSize) {
    const std::string said = refusal_of(
        [] { parse_spec(R"({"layers": [{"layers": "0", "pattern": "dense"}]})", "s.json"); });
    EXPECT_EQ(said,
              "s.json: layers need a head size: expected model.head_dim or a row of \"kernels\"");
    EXPECT_NE(refusal_of([] { parse_spec("{}", "s.json"); }), "");
    EXPECT_NE(refusal_of([] { parse_spec(R"({"kernel": []})", "s.json"); }), "");
}

TEST(Spec, TypesOfTheModelNeedItsHeadSize) {
    for (const char *key : {"dtype", "kv_dtype", "arithmetic", "value_dim"}) {
        const std::string text = std::string(R"({"kernels": [{"head_dim": 64}], "model": {")") +
                                 key + R"(": 1}, "layers": [{"layers": "0", "pattern": "dense"}]})";
        EXPECT_EQ(refusal_of([&] { parse_spec(text, "s.json"); }),
                  "s.json: model has " + std::string(key) + " and no head_dim");
    }
}

}  // namespace
}  // namespace lacuna
