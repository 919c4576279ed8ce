#include "schedules/targets.h"

#include "generators/fixed8.h"
#include "runtime/cpu.h"

namespace lacuna {

using Halide::Target;

namespace {

// Registers decide the register blocks: 16 of them below AVX-512, 32 there. A tile's scores,
// rows * panel_keys * (chunk + 1) floats, stay within the 16 KiB that Halide puts on the stack.
// The costs of tiles and of listed keys are from `lacuna bench --own-order --words` of topk,
// dilated, strided and windows with columns at 32 to 1,024 tokens, on ARM from instruction counts
// of the same.
constexpr Format kAvx512Format{16, 15, 32, 16, {300, 8, 4}};
constexpr Tile kAvx512Tile{16, 8, 8, 2, 4, 1, 2}, kAvx512Few{4, 4, 4, 2, 2, 2, 5};
constexpr Tile kAvx512Single{1, 1, 1, 4, 4, 4, 8};
constexpr Format kAvx2Format{16, 20, 16, 8, {200, 8, 3}};
constexpr Tile kAvx2Tile{12, 6, 6, 1, 2, 1}, kAvx2Few{4, 4, 4, 4, 2, 1, 1, true};
constexpr Tile kAvx2Single{1, 1, 1, 4, 4, 4, 4};

const std::vector<Tier> kX86Tiers = {
    {"avx512vnni",
     {Target::SSE41, Target::AVX, Target::AVX2, Target::FMA, Target::F16C, Target::AVX512,
      Target::AVX512_Skylake, Target::AVX512_Cannonlake, Target::AVX512_Zen4},
     kCpuSse41 | kCpuAvx2 | kCpuAvx512 | kCpuAvx512Vnni,
     "avx512",
     &kVectorSchedule,
     kAvx512Format,
     kAvx512Tile,
     kAvx512Few,
     kAvx512Single,
     /*on_request=*/false,
     /*own_integers=*/true},
    {"avx512",
     {Target::SSE41, Target::AVX, Target::AVX2, Target::FMA, Target::F16C, Target::AVX512,
      Target::AVX512_Skylake},
     kCpuSse41 | kCpuAvx2 | kCpuAvx512,
     nullptr,
     &kVectorSchedule,
     kAvx512Format,
     kAvx512Tile,
     kAvx512Few,
     kAvx512Single},
    {"avx2",
     {Target::SSE41, Target::AVX, Target::AVX2, Target::FMA, Target::F16C},
     kCpuSse41 | kCpuAvx2,
     nullptr,
     &kVectorSchedule,
     kAvx2Format,
     kAvx2Tile,
     kAvx2Few,
     kAvx2Single},
    // Without FMA the optimiser reassociates unrolled sums, and kernels would differ in last bits.
    {"sse41",
     {Target::SSE41},
     kCpuSse41,
     nullptr,
     &kVectorSchedule,
     {8, 31, 8, 4, {50, 4, 2}},
     {16, 4, 4, 1, 1, 1},
     {4, 4, 4, 1, 1, 1},
     {1, 1, 1, 1, 1, 4}},
    // avx2 with every access checked: to link with -fsanitize=address, for tests.
    {"asan",
     {Target::SSE41, Target::AVX, Target::AVX2, Target::FMA, Target::F16C, Target::ASAN},
     kCpuSse41 | kCpuAvx2,
     nullptr,
     &kVectorSchedule,
     kAvx2Format,
     kAvx2Tile,
     kAvx2Few,
     kAvx2Single,
     true},
    {"generic",
     {},
     0,
     nullptr,
     &kGenericSchedule,
     {8, 15, 4, 4, {}, 4, 4},
     {4, 1, 1, 1, 1, 1},
     {2, 1, 1, 1, 1, 1},
     {1, 1, 1, 1, 1, 1},
     true},
};

// A64 multiplies by a lane: a register block holds its rows' Q or weights in vectors of four.
constexpr Format kArm64Format{8, 31, 16, 4, {50, 2, 3}, 2, 1};
constexpr Tile kArm64Tile{8, 8, 8, 4, 8, 1, 1, false, 2}, kArm64Few{4, 4, 4, 4, 8, 1};
constexpr Tile kArm64Single{1, 1, 1, 64, 8, 4};

// Eight halves a vector: half as many registers hold a row's sums, and their f32 sums as many
// again.
constexpr Tile kArm64Halves{8, 4, 2, 1, 8, 1}, kArm64FewHalves{4, 4, 2, 1, 8, 1};
constexpr Tile kArm64SingleHalves{1, 1, 1, 4, 8, 4};

// Every CPU converts f16 (fcvtl, fcvtn). Halide and LLVM do so only where they may compute in f16
// as well, which `neon` never asks for: `ctest -R baseline` disassembles it.
Tier arm64_tier(const char *name, uint32_t cpu_features, const char *shares) {
    return {name,         {Target::ARMFp16}, cpu_features, shares,      &kArmSchedule,
            kArm64Format, kArm64Tile,        kArm64Few,    kArm64Single};
}
// Its own code is that of arithmetic in f16 alone.
Tier fp16_tier() {
    Tier tier = arm64_tier("fp16", kCpuNeon | kCpuFp16, "neon");
    tier.tile = kArm64Halves;
    tier.few = kArm64FewHalves;
    tier.single = kArm64SingleHalves;
    tier.halves = "fp16";
    return tier;
}
Tier dotprod_tier() {
    Tier tier = arm64_tier("dotprod", kCpuNeon | kCpuFp16 | kCpuDotProd, "neon");
    tier.halves = "fp16";
    tier.features.push_back(Target::ARMDotProd);
    tier.format.key_group = tier.format.value_group = 4;
    tier.own_integers = true;
    return tier;
}
const std::vector<Tier> kArm64Tiers = {dotprod_tier(), fp16_tier(),
                                       arm64_tier("neon", kCpuNeon, nullptr)};

// 16 registers, and no fused multiply-add from Halide 21: what holds for sse41 holds here.
const std::vector<Tier> kArm32Tiers = {
    {"neon",
     {},
     kCpuNeon,
     nullptr,
     &kVectorSchedule,
     {8, 31, 8, 4, {50, 2, 3}, 2, 1},
     {16, 4, 4, 1, 1, 1},
     {4, 4, 4, 1, 1, 1},
     {1, 1, 1, 1, 1, 4}},
};

// Nobody has tuned these, and nothing here runs them.
const std::vector<Tier> kRiscvTiers = {{"rvv128",
                                        {Target::RVV},
                                        kCpuRvv128,
                                        nullptr,
                                        &kGenericSchedule,
                                        {8, 15, 4, 4, {}},
                                        {4, 1, 1, 1, 1, 1},
                                        {2, 1, 1, 1, 1, 1},
                                        {1, 1, 1, 1, 1, 1}}};
const std::vector<Tier> kWasmTiers = {{"simd128",
                                       {Target::WasmSimd128},
                                       0,
                                       nullptr,
                                       &kGenericSchedule,
                                       {8, 15, 4, 4, {}},
                                       {4, 1, 1, 1, 1, 1},
                                       {2, 1, 1, 1, 1, 1},
                                       {1, 1, 1, 1, 1, 1}}};

// fixed8 alone (generators/fixed8.h has its format and tile). There is no way to ask a DSP what it
// has: one tier a bundle, and newer DSPs run older code.
const std::vector<Tier> kHexagonTiers = {
    {"hvx66",
     {Target::HVX, Target::HVX_v66},
     0,
     nullptr,
     &kGenericSchedule,
     kFixed8Format,
     kFixed8Tile,
     kFixed8Few,
     kFixed8Tile},
    {"hvx68",
     {Target::HVX, Target::HVX_v68},
     0,
     nullptr,
     &kGenericSchedule,
     kFixed8Format,
     kFixed8Tile,
     kFixed8Few,
     kFixed8Tile,
     true},
};

constexpr const char *kNative = "natively", *kEmulated = "under an emulator",
                     *kNotRun = "compiled, not run";

const std::vector<Platform> kPlatforms = {
    {"x86_64", "linux", Target::X86, 64, Target::Linux, "x86_64-unknown-linux-gnu", "gnu", kNative,
     "x86_64-unknown-linux-gnu, x86_64-linux-musl", &kX86Tiers},
    {"x86_64", "android", Target::X86, 64, Target::Android, "x86_64-linux-android", "gnu", kNotRun,
     "x86_64-linux-android", &kX86Tiers},
    {"x86_64", "macos", Target::X86, 64, Target::OSX, "x86_64-apple-macos11", "darwin", kNotRun,
     "x86_64-apple-macos, x86_64-apple-darwin", &kX86Tiers},
    {"x86_64", "windows", Target::X86, 64, Target::Windows, "x86_64-pc-windows-msvc", "coff",
     "under wine", "x86_64-pc-windows-msvc", &kX86Tiers},
    {"aarch64", "linux", Target::ARM, 64, Target::Linux, "aarch64-unknown-linux-gnu", "gnu",
     kEmulated, "aarch64-linux-gnu, aarch64-unknown-linux-musl", &kArm64Tiers},
    {"aarch64", "android", Target::ARM, 64, Target::Android, "aarch64-linux-android", "gnu",
     kNotRun, "aarch64-linux-android", &kArm64Tiers},
    {"aarch64", "ios", Target::ARM, 64, Target::IOS, "arm64-apple-ios13", "darwin", kNotRun,
     "arm64-apple-ios", &kArm64Tiers},
    {"aarch64", "macos", Target::ARM, 64, Target::OSX, "arm64-apple-macos11", "darwin", kNotRun,
     "arm64-apple-macos, arm64-apple-darwin", &kArm64Tiers},
    {"aarch64", "windows", Target::ARM, 64, Target::Windows, "aarch64-pc-windows-msvc", "coff",
     kNotRun, "aarch64-pc-windows-msvc", &kArm64Tiers},
    {"arm", "linux", Target::ARM, 32, Target::Linux, "armv7-unknown-linux-gnueabihf", "gnu",
     kEmulated, "arm-linux-gnueabihf, armv7-unknown-linux-gnueabihf", &kArm32Tiers},
    {"arm", "android", Target::ARM, 32, Target::Android, "armv7a-linux-androideabi", "gnu", kNotRun,
     "armv7a-linux-androideabi, armv7-linux-androideabi", &kArm32Tiers},
    {"riscv64", "linux", Target::RISCV, 64, Target::Linux, "riscv64-unknown-linux-gnu", "gnu",
     kNotRun, "riscv64-linux-gnu, riscv64-unknown-linux-gnu", &kRiscvTiers},
    {"hexagon", "none", Target::Hexagon, 32, Target::NoOS, "hexagon-unknown-none-elf", "gnu",
     kEmulated, "hexagon-unknown-none-elf", &kHexagonTiers},
    {"hexagon", "qurt", Target::Hexagon, 32, Target::QuRT, "hexagon-unknown-none-elf", "gnu",
     kNotRun, "hexagon-unknown-qurt-elf", &kHexagonTiers},
    {"wasm32", "emscripten", Target::WebAssembly, 32, Target::WebAssemblyRuntime,
     "wasm32-unknown-emscripten", "gnu", kNotRun, "wasm32-unknown-emscripten", &kWasmTiers},
};

// Other spellings in triples.
const struct {
    const char *written, *means;
} kAliases[] = {{"amd64", "x86_64"}, {"arm64", "aarch64"}, {"armv7a", "arm"},     {"armv7l", "arm"},
                {"armv7", "arm"},    {"darwin", "macos"},  {"mingw32", "windows"}};

bool has(const std::string &text, const std::string &part) {
    return text.find(part) != std::string::npos;
}

std::string normalised(std::string triple) {
    for (const auto &alias : kAliases)
        if (const size_t at = triple.find(alias.written); at != std::string::npos)
            triple.replace(at, std::string(alias.written).size(), alias.means);
    return triple;
}

}  // namespace

const std::vector<Platform> &platforms() { return kPlatforms; }

const Platform *find_platform(const std::string &triple) {
    const std::string text = triple == "host" ? "x86_64-unknown-linux-gnu" : normalised(triple);
    const std::string arch = text.substr(0, text.find('-'));
    const bool android = has(text, "android");  // also says linux
    // Elsewhere floats travel in other registers: arm-linux-gnueabi.
    if (arch == "arm" && !android && !has(text, "eabihf")) return nullptr;
    for (const Platform &p : kPlatforms)
        if (arch == p.arch && has(text, p.os) && android == (p.os == std::string("android")))
            return &p;
    return nullptr;
}

const Tier *find_tier(const Platform &platform, const std::string &name) {
    for (const Tier &t : *platform.tiers)
        if (t.name == name) return &t;
    return nullptr;
}

const Tier *halves_of(const Platform &platform, const Tier &tier) {
    return tier.halves ? find_tier(platform, tier.halves) : nullptr;
}

std::vector<const Tier *> default_tiers(const Platform &platform) {
    std::vector<const Tier *> tiers;
    for (const Tier &t : *platform.tiers)
        if (!t.on_request) tiers.push_back(&t);
    return tiers;
}

Target halide_target(const Platform &platform, const Tier &tier) {
    Target t(platform.halide_os, platform.halide_arch, platform.bits, tier.features);
    if (platform.halide_arch == Target::RISCV) t.vector_bits = 128;
    for (auto f : {Target::NoRuntime, Target::NoAsserts, Target::NoBoundsQuery}) t.set_feature(f);
    return t;
}

}  // namespace lacuna
