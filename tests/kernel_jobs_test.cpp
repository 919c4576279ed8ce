// The functions that kernels are made of: a name stands for one function.
#include "cli/kernel_jobs.h"

#include <gtest/gtest.h>

#include "cli/bundle.h"
#include "schedules/tile_text.h"

namespace lacuna {
namespace {

const char *const kEveryType = R"({"kernels": [
    {"dtype": "f32", "head_dim": [16, 64]},
    {"dtype": "f16", "head_dim": [16, 64]},
    {"dtype": "bf16", "kv_dtype": "f16", "head_dim": [16, 64]},
    {"dtype": "f32", "kv_dtype": "int8", "head_dim": [16, 64]},
    {"dtype": "f16", "kv_dtype": "int8", "head_dim": [16, 64]},
    {"dtype": "f32", "kv_dtype": "f32,int8", "head_dim": 64},
    {"dtype": "f32", "kv_dtype": "int8,f16", "head_dim": 64, "value_dim": 16},
    {"dtype": "f32", "head_dim": 64, "pattern": "window:8"},
    {"dtype": "f16", "arithmetic": "f16", "head_dim": [16, 64]},
    {"dtype": "f16", "arithmetic": "f16", "head_dim": 64, "pattern": "window:8"},
    {"dtype": "fixed8", "head_dim": [16, 64]}]})";

std::string text(const Function &f) {
    std::string all = f.generator;
    for (const auto &[key, value] : f.params) all += " " + key + "=" + value;
    return all;
}

TEST(KernelJobs, ANameStandsForOneFunction) {
    const auto kernels = parse_spec(kEveryType, "s.json").kernels;
    for (const Platform &platform : platforms()) {
        std::map<std::string, std::string> known;
        for (const Tier &tier : *platform.tiers) {
            for (const KernelSpec &kernel : kernels) {
                const Tier &code = products_of(platform, tier, kernel);
                const auto functions =
                    functions_of("lac", kernel, platform, tier, {code.tile, code.few});
                for (const Function *f : functions.all())
                    EXPECT_EQ(known.emplace(f->symbol, text(*f)).first->second, text(*f))
                        << f->symbol << " for " << platform.arch;
            }
        }
    }
}

// Compiles the partial kernel of a pattern with this Tile.
void compile_partial(const char *target, const char *tier_name, const char *pattern, Tile tile) {
    const Platform &platform = *find_platform(target);
    const Tier &tier = *find_tier(platform, tier_name);
    const std::string spec =
        std::string(R"({"kernels": [{"head_dim": 64, "pattern": ")") + pattern + "\"}]}";
    const KernelSpec kernel = parse_spec(spec, "s.json").kernels[0];
    compile_functions(platform,
                      {functions_of("lac", kernel, platform, tier, {tile, tier.few}).partial},
                      [](const std::string &) {});
}

// A tile's scores take all of the stack that Halide gives: a kernel that needs more does not link.
TEST(KernelJobs, ScratchIsOnTheStack) {
    const Tile avx512 = find_tier(*find_platform("host"), "avx512")->tile;
    for (const char *pattern : {"every:2+block:2", "strided:4+block:4", "dilated:9,3+block:3"})
        EXPECT_NO_THROW(compile_partial("host", "avx512", pattern, avx512)) << pattern;
    Tile large = avx512;
    large.rows = 24;
    EXPECT_THROW(compile_partial("host", "avx512", "window:9", large), std::exception);
}

// Zen 4 and Sapphire Rapids multiply and add pairs of 16 bits in one instruction.
TEST(KernelJobs, VnniHasCodeOfItsOwnForIntegersAlone) {
    const Platform &host = *find_platform("host");
    const Tier &vnni = *find_tier(host, "avx512vnni");
    for (const char *keys : {"f32", "int8"}) {
        const std::string spec =
            std::string(R"({"kernels": [{"kv_dtype": ")") + keys + R"(", "head_dim": 64}]})";
        const KernelSpec kernel = parse_spec(spec, "s.json").kernels[0];
        const auto functions = functions_of("lac", kernel, host, vnni, {vnni.tile, vnni.few});
        const std::string own = keys == std::string("int8") ? "avx512vnni" : "avx512";
        EXPECT_EQ(functions.partial.tier->name, own);
        EXPECT_EQ(functions.partial_few.tier->name, own);
        EXPECT_STREQ(functions.pack_keys.tier->name, "avx512");
        const Function *const gather = functions.gather ? &*functions.gather : nullptr;
        ASSERT_NE(gather, nullptr);
        EXPECT_STREQ(gather->tier->name, "avx512");
    }
}

// Both tiers with fp16 run one code for packed keys, and share all else with neon, which keeps f32.
TEST(KernelJobs, ArithmeticInF16IsOneCodeForPackedKeys) {
    const Platform &arm = *find_platform("aarch64-linux-gnu");
    const auto of = [&](const char *tier, const char *arithmetic) {
        const std::string spec =
            std::string(R"({"kernels": [{"dtype": "f16", "head_dim": 64, "arithmetic": ")") +
            arithmetic + "\"}]}";
        const KernelSpec kernel = parse_spec(spec, "s.json").kernels[0];
        const Tier &own = *find_tier(arm, tier), &code = products_of(arm, own, kernel);
        return functions_of("lac", kernel, arm, own, {code.tile, code.few});
    };
    const VariantFunctions f32 = of("neon", "f32");
    for (const char *tier : {"neon", "fp16", "dotprod"}) {
        const VariantFunctions halves = of(tier, "f16");
        const std::string own = tier == std::string("neon") ? "_neon" : "_af16_fp16";
        EXPECT_EQ(halves.partial.symbol, "lac_partial_f16_d64" + own);
        EXPECT_EQ(halves.partial_few.symbol, "lac_partial_few_f16_d64" + own);
        ASSERT_TRUE(halves.partial_row && halves.gather && f32.gather);
        EXPECT_EQ(halves.partial_row->symbol, "lac_partial_row_f16_d64" + own);
        EXPECT_EQ(text(*halves.gather), text(*f32.gather));
        EXPECT_EQ(text(halves.pack_keys), text(f32.pack_keys));
        EXPECT_EQ(text(halves.merge), text(f32.merge));
        EXPECT_EQ(of(tier, "f32").partial.symbol, f32.partial.symbol);
    }
}

TEST(Platforms, HaveSeveralSpellings) {
    const std::pair<const char *, const char *> same[] = {
        {"x86_64-w64-mingw32", "x86_64-pc-windows-gnu"},
        {"amd64-linux-gnu", "x86_64-unknown-linux-gnu"},
        {"arm64-apple-darwin", "aarch64-apple-macos"}};
    for (const auto &[a, b] : same) {
        ASSERT_NE(find_platform(b), nullptr) << b;
        EXPECT_EQ(find_platform(a), find_platform(b)) << a;
    }
}

// P·V in f16 knows no streams, and keys that are listed take the tier's rows.
TEST(KernelJobs, HalvesTakeNoTileThatIsNotForThem) {
    const Platform &arm = *find_platform("aarch64-linux-gnu");
    const Tier &tier = *find_tier(arm, "fp16");
    const char *spec = R"({"kernels": [{"kv_dtype": "f16", "arithmetic": "f16", "head_dim": 64}]})";
    const Tile usual = tier.few;
    Tile streams = usual, rows = usual, planes = usual;
    streams.streams = true;
    rows.rows = rows.score_rows = 2;
    planes.value_planes = 2;
    for (const Tile &few : {streams, rows, planes}) {
        const BundleRequest request{
            "lac",
            arm,
            {&tier},
            parse_spec(spec, "s.json").kernels,
            [&](const KernelSpec &, const Tier &code) { return Tiles{code.tile, few}; }};
        const bool taken = few == planes;
        EXPECT_EQ(functions_of(request)[0][0].partial_few.params.count("tile"), taken ? 1U : 0U);
    }
}

}  // namespace
}  // namespace lacuna
