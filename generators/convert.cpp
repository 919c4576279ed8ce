#include "generators/convert.h"

#include "generators/numerics.h"

namespace lacuna {

using namespace Halide;

namespace {

constexpr int kMantissa = 23,
              kF16Shift = 13;          // bits of f32's; by how many f16's is shorter
constexpr int32_t kRebias = 127 - 15;  // from f16's exponent to f32's

constexpr int32_t kF16InfinityBits = 0x7c00, kBf16InfinityBits = 0x7f80;

Expr bf16_to_f32(const Expr &bits) { return reinterpret<float>(cast<uint32_t>(bits) << 16); }

// Sign and magnitude move to f32's places, where they are 2^-112 times the number, denormals too:
// eight SSE instructions a vector. Where an app has denormals read as 0, f16's are 0 here.
Expr f16_to_f32(const Expr &bits) {
    constexpr auto kPlaces = static_cast<int32_t>(0x8fffe000);
    constexpr float kScale = 0x1p112f;
    Expr placed = (cast<int32_t>(reinterpret<int16_t>(bits)) << kF16Shift) & kPlaces;
    Expr scaled = reinterpret<int32_t>(reinterpret<float>(placed) * kScale);
    Expr nonfinite = (placed & 0x7fffffff) >= kF16InfinityBits << kF16Shift;
    return reinterpret<float>(scaled | select(nonfinite, kInfinityBits, 0));
}

Expr is_nan_bits(const Expr &x) { return magnitude_bits(x) > kInfinityBits; }

Expr f32_to_bf16(const Expr &x) {
    constexpr uint32_t kQuiet = 0x40;
    Expr bits = reinterpret<uint32_t>(x);
    Expr high = bits >> 16;
    Expr rounded = (bits + 0x7fff + (high & 1)) >> 16;
    return cast<uint16_t>(select(is_nan_bits(x), high | kQuiet, rounded));
}

Expr f32_to_f16(const Expr &x) {
    constexpr int32_t kLeastNormal = (127 - 14) << kMantissa;  // 2^-14, f16's
    constexpr int32_t kTooLarge = (127 + 16) << kMantissa;     // 2^16
    constexpr int32_t kHalfBits = (127 - 1) << kMantissa;      // of 0.5f, whose last bit is 2^-24
    Expr m = magnitude_bits(x);
    Expr short_m = m >> kF16Shift;
    // Just below 2^16 the carry goes up to infinity by itself.
    Expr normal = (m - (kRebias << kMantissa) + 0xfff + (short_m & 1)) >> kF16Shift;
    Expr denormal = reinterpret<int32_t>(reinterpret<float>(m) + 0.5f) - kHalfBits;
    Expr nan = 0x7e00 | (short_m & 0x3ff);
    Expr magnitude =
        select(m < kLeastNormal, denormal,
               select(m < kTooLarge, normal, select(is_nan_bits(x), nan, kF16InfinityBits)));
    Expr sign = (reinterpret<uint32_t>(x) >> 16) & cast<uint32_t>(0x8000);
    return cast<uint16_t>(reinterpret<uint32_t>(magnitude) | sign);
}

Expr bits_of(const Expr &x) { return x.type().bits() == 16 ? reinterpret<uint16_t>(x) : x; }

}  // namespace

int32_t infinity_bits(const Type &type) {
    if (type == Float(32)) return kInfinityBits;
    return type == Float(16) ? kF16InfinityBits : kBf16InfinityBits;
}

Expr Converter::widened(const Expr &x) const {
    if (x.type() == Float(32)) return x;
    if (x.type() == Int(8)) return cast<float>(x);
    if (x.type() == BFloat(16)) return bf16_to_f32(bits_of(x));
    return instructions_ ? cast<float>(x) : f16_to_f32(bits_of(x));
}

Func Converter::widened(const Func &f) const {
    if (f.type() == Float(32)) return f;
    Func wide("wide");
    wide(_) = widened(f(_));
    return wide;
}

Func Converter::widened_rows(const Func &f, const Func &scales) const {
    if (f.type() != Int(8)) return widened(f);
    std::vector<Var> all{Var("d")};
    for (int i = 0; i < scales.dimensions(); i++) all.emplace_back("row" + std::to_string(i));
    const std::vector<Expr> element(all.begin(), all.end()), row(all.begin() + 1, all.end());
    Func wide("wide");
    wide(all) = widened(f(element)) * scales(row);
    return wide;
}

Expr Converter::narrowed(const Expr &x, const Type &type) const {
    if (type == Float(32)) return x;
    if (type == BFloat(16)) return f32_to_bf16(x);
    return instructions_ ? bits_of(cast(Float(16), x)) : f32_to_f16(x);
}

Func Converter::stored(const Func &f, const Type &type) const {
    if (f.type() == Float(32) && type == Float(32)) return f;
    Func kept("kept");
    kept(_) = f.type() == type ? bits_of(f(_)) : narrowed(widened(f(_)), type);
    return kept;
}

}  // namespace lacuna
