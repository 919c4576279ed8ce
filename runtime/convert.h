// Elements of 16 bits as floats, one at a time; the kernels' own conversions are in generators/.
#pragma once
#include "runtime/elements.h"

namespace lacuna {

inline uint32_t bits_of(float x) {
    uint32_t bits = 0;
    __builtin_memcpy(&bits, &x, sizeof bits);
    return bits;
}
inline float float_of(uint32_t bits) {
    float x = 0;
    __builtin_memcpy(&x, &bits, sizeof x);
    return x;
}

inline float f16_to_f32(uint16_t half) {
    const uint32_t sign = (half & 0x8000u) << 16, magnitude = half & 0x7fffu;
    if (magnitude >= 0x7c00u) return float_of(sign | 0x7f800000u | (magnitude & 0x3ffu) << 13);
    if (magnitude >= 0x400u) return float_of(sign | ((magnitude << 13) + (112u << 23)));
    const float denormal = static_cast<float>(magnitude) * 0x1p-24f;
    return float_of(sign | bits_of(denormal));
}

// To nearest even; past the range infinity.
inline uint16_t f32_to_f16(float x) {
    const uint32_t bits = bits_of(x), magnitude = bits & 0x7fffffffu;
    const uint32_t sign = bits >> 16 & 0x8000u;
    if (magnitude > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u);
    if (magnitude >= 143u << 23) return static_cast<uint16_t>(sign | 0x7c00u);
    if (magnitude < 113u << 23)  // 0.5f's last bit is 2^-24
        return static_cast<uint16_t>(sign | (bits_of(float_of(magnitude) + 0.5f) - (126u << 23)));
    const uint32_t rounded = magnitude - (112u << 23) + 0xfffu + (magnitude >> 13 & 1u);
    return static_cast<uint16_t>(sign | rounded >> 13);
}

inline float bf16_to_f32(uint16_t half) { return float_of(static_cast<uint32_t>(half) << 16); }

inline uint16_t f32_to_bf16(float x) {
    const uint32_t bits = bits_of(x);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>(bits >> 16 | 0x40u);
    return static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

}  // namespace lacuna
