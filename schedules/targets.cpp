#include "schedules/targets.h"

#include "runtime/cpu.h"

namespace lacuna {

using Halide::Target;

namespace {

// Registers decide the register blocks: 16 of them below AVX-512, 32 there. A tile's scores,
// rows * panel_keys * (chunk + 1) floats, stay within the 16 KiB that Halide puts on the stack.
const std::vector<Tier> kX86Tiers = {
    {"avx512vnni",
     {Target::SSE41, Target::AVX, Target::AVX2, Target::FMA, Target::F16C, Target::AVX512,
      Target::AVX512_Skylake, Target::AVX512_Cannonlake},
     kCpuSse41 | kCpuAvx2 | kCpuAvx512 | kCpuAvx512Vnni,
     "avx512",
     &kX86Schedule,
     {16, 15, 32, 16},
     {16, 16, 8, 2, 4}},
    {"avx512",
     {Target::SSE41, Target::AVX, Target::AVX2, Target::FMA, Target::F16C, Target::AVX512,
      Target::AVX512_Skylake},
     kCpuSse41 | kCpuAvx2 | kCpuAvx512,
     nullptr,
     &kX86Schedule,
     {16, 15, 32, 16},
     {16, 16, 8, 2, 4}},
    {"avx2",
     {Target::SSE41, Target::AVX, Target::AVX2, Target::FMA, Target::F16C},
     kCpuSse41 | kCpuAvx2,
     nullptr,
     &kX86Schedule,
     {16, 20, 16, 8},
     {12, 6, 6, 1, 2}},
    // Without FMA the optimiser reassociates unrolled sums, and kernels would differ in last bits.
    {"sse41", {Target::SSE41}, kCpuSse41, nullptr, &kX86Schedule, {8, 31, 8, 4}, {16, 4, 4, 1, 1}},
};

const std::vector<Platform> kPlatforms = {
    {"x86_64", "linux", Target::Linux, "x86_64-unknown-linux-gnu", "gnu",
     "x86_64-unknown-linux-gnu, x86_64-linux-musl"},
    {"x86_64", "android", Target::Android, "x86_64-linux-android", "gnu", "x86_64-linux-android"},
    {"x86_64", "macos", Target::OSX, "x86_64-apple-macos11", "darwin",
     "x86_64-apple-macos, x86_64-apple-darwin"},
    {"x86_64", "windows", Target::Windows, "x86_64-pc-windows-msvc", "coff",
     "x86_64-pc-windows-msvc, x86_64-w64-mingw32"},
};

bool has(const std::string &text, const char *part) { return text.find(part) != text.npos; }

const char *os_of(const std::string &triple) {
    if (has(triple, "android")) return "android";
    if (has(triple, "linux")) return "linux";
    if (has(triple, "macos") || has(triple, "darwin")) return "macos";
    if (has(triple, "windows") || has(triple, "mingw")) return "windows";
    return "";
}

}  // namespace

const std::vector<Platform> &platforms() { return kPlatforms; }

std::optional<TargetInfo> find_target(const std::string &triple) {
    const std::string text = triple == "host" ? "x86_64-unknown-linux-gnu" : triple;
    const std::string arch = text.substr(0, text.find('-'));
    for (const Platform &p : kPlatforms)
        if ((arch == p.arch || (arch == "amd64" && p.arch == std::string("x86_64"))) &&
            os_of(text) == std::string(p.os))
            return TargetInfo{&p, &kX86Tiers};
    return std::nullopt;
}

const Tier *find_tier(const TargetInfo &target, const std::string &name) {
    for (const Tier &t : *target.tiers)
        if (t.name == name) return &t;
    return nullptr;
}

Target halide_target(const TargetInfo &target, const Tier &tier) {
    Target t(target.platform->halide_os, Target::X86, 64, tier.features);
    for (auto f : {Target::NoRuntime, Target::NoAsserts, Target::NoBoundsQuery}) t.set_feature(f);
    return t;
}

}  // namespace lacuna
