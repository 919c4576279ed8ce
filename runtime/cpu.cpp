// x86-64: asks the CPU and, for registers the operating system must save, the control register.
// ARM and RISC-V: what the operating system says of the CPU. Unknown means absent.
#include "runtime/cpu.h"

#include "runtime/os.h"

#if defined(__x86_64__)
#include <cpuid.h>

namespace lacuna {

static uint64_t saved_registers() {
    uint32_t low = 0, high = 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (static_cast<uint64_t>(high) << 32) | low;
}

uint32_t cpu_features() {
    uint32_t a = 0, b = 0, c = 0, d = 0, features = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return 0;
    if (c & bit_SSE4_1) features |= kCpuSse41;
    constexpr uint64_t kYmm = 0x6, kZmm = 0xe6;
    if (!(c & bit_OSXSAVE)) return features;
    const uint64_t saved = saved_registers();
    const bool fma = (c & bit_FMA) && (c & bit_F16C) && (c & bit_AVX);
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return features;
    const bool avx2 = fma && (b & bit_AVX2) && (saved & kYmm) == kYmm;
    if (avx2) features |= kCpuAvx2;
    constexpr uint32_t kLevel4 =
        bit_AVX512F | bit_AVX512CD | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
    const bool avx512 = avx2 && (b & kLevel4) == kLevel4 && (saved & kZmm) == kZmm;
    if (avx512) features |= kCpuAvx512;
    constexpr uint32_t kVnni =
        bit_AVX512VNNI | bit_AVX512VBMI | bit_AVX512VBMI2 | bit_AVX512BITALG | bit_AVX512VPOPCNTDQ;
    const bool vnni = avx512 && (b & bit_AVX512IFMA) && (c & kVnni) == kVnni;
    if (!vnni || !__get_cpuid_count(7, 1, &a, &b, &c, &d)) return features;
    if (a & bit_AVX512BF16) features |= kCpuAvx512Vnni;
    return features;
}

}  // namespace lacuna

#elif defined(__aarch64__)

namespace lacuna {
// NEON is part of the architecture.
uint32_t cpu_features() {
#if defined(__linux__)
    constexpr unsigned long kScalar = 1ul << 9, kVector = 1ul << 10, kDot = 1ul << 20;
    const unsigned long bits = hardware_bits();
    const bool fp16 = (bits & kScalar) && (bits & kVector), dot = bits & kDot;
#elif defined(__APPLE__)
    const bool fp16 = system_says("hw.optional.arm.FEAT_FP16");
    const bool dot = system_says("hw.optional.arm.FEAT_DotProd");
#elif defined(_WIN32)
    constexpr uint32_t kDot = 43, kFp16 = 67;
    const bool fp16 = processor_has(kFp16), dot = processor_has(kDot);
#else
    const bool fp16 = false, dot = false;
#endif
    return kCpuNeon | (fp16 ? kCpuFp16 : 0u) | (dot ? kCpuDotProd : 0u);
}
}  // namespace lacuna

#elif defined(__arm__) && defined(__linux__)

namespace lacuna {
uint32_t cpu_features() {
    constexpr unsigned long kNeon = 1u << 12;
    return (hardware_bits() & kNeon) ? kCpuNeon : 0u;
}
}  // namespace lacuna

#elif defined(__riscv) && defined(__linux__)

namespace lacuna {
uint32_t cpu_features() {
    constexpr unsigned long kV = 1ul << ('V' - 'A');  // of the V extension: 128 bits at least
    return (hardware_bits() & kV) ? kCpuRvv128 : 0u;
}
}  // namespace lacuna

#else

namespace lacuna {
uint32_t cpu_features() { return 0; }
}  // namespace lacuna

#endif
