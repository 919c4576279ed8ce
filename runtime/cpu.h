// CPU features that tiers ask for. Bits, not levels: a tier runs when all its bits are present.
#pragma once
#include <stdint.h>

namespace lacuna {

enum CpuFeature : uint32_t {
    kCpuSse41 = 1u << 0,
    kCpuAvx2 = 1u << 1,        // with FMA and F16C, and the OS saves the registers
    kCpuAvx512 = 1u << 2,      // F, CD, BW, DQ, VL, and the OS saves the registers
    kCpuAvx512Vnni = 1u << 3,  // and what Zen 4 and Sapphire Rapids have beside it
    kCpuNeon = 1u << 4,
    kCpuRvv128 = 1u << 5,   // RISC-V vectors of at least 128 bits
    kCpuFp16 = 1u << 6,     // arm-64: arithmetic on f16, in vectors too
    kCpuDotProd = 1u << 7,  // arm-64: sdot
};

// What this CPU has; 0 where it cannot be asked.
uint32_t cpu_features();

}  // namespace lacuna
