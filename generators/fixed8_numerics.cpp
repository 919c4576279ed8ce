// The numerics of fixed8, once for all targets.
#include <cmath>

#include "generators/fixed8.h"

namespace lacuna {

using namespace Halide;

namespace {

constexpr int kTableSteps = 256, kStepsPerOctave = 32, kMostWeight = 255;

// Σ c[k] x^(k+1) in 1/32768, by Horner; 0 <= x <= 1.
template <size_t N>
Expr polynomial_q15(const int (&c)[N], const Expr &x) {
    Expr p = c[N - 1];
    for (size_t k = N - 1; k-- > 0;) p = ((p * x) >> 15) + c[k];
    return (p * x) >> 15;
}

}  // namespace

Buffer<uint8_t> weight_table() {
    Buffer<uint8_t> table(kTableSteps);
    for (int t = 0; t < kTableSteps; t++)
        table(t) = static_cast<uint8_t>(
            std::lround(kMostWeight * std::exp2(-static_cast<double>(t) / kStepsPerOctave)));
    table(kTableSteps - 1) = 0;
    return table;
}

Expr rounded_shift(const Expr &x, const Expr &bits) { return (x + ((1 << bits) >> 1)) >> bits; }

RowScale::RowScale(const Expr &word)
    : multiplier(word & 0x7fff), shift((word >> 16) & 31), before((word >> 24) & 31) {}

Expr RowScale::index(const Expr &distance) const {
    Expr near = min(distance >> before, 0x7fff);
    Expr t = min((near * multiplier + ((1 << shift) >> 1)) >> shift, kTableSteps - 1);
    return select(distance >= -kScoreFloor, kTableSteps - 1, t);
}

Expr RowScale::reference(const Expr &score) const {
    // 8 bits of fraction more than an index has; shift is at least 6.
    Expr wide = cast<int64_t>(score) * cast<int64_t>(multiplier) * 4;
    // Differences of references must fit 32 bits, kReferenceFloor's too.
    Expr octaves =
        clamp(wide >> cast<int64_t>(shift + before - 6), -kReferenceMost, kReferenceMost);
    return cast<int32_t>(octaves);
}

Expr scaled_q15(const Expr &a, const Expr &c) {
    return (a >> 15) * c + (((a & 0x7fff) * c + (1 << 14)) >> 15);
}

Expr power_q15(const Expr &x) {
    static const int kTerms[] = {-22711, 7849, -1750, 227};
    Expr fraction = (x & ((1 << kOctaveBits) - 1)) << (15 - kOctaveBits);
    Expr octaves = min(x >> kOctaveBits, 31);
    return ((1 << 15) + polynomial_q15(kTerms, fraction)) >> octaves;
}

Expr natural_log(const Expr &reference, const Expr &sum) {
    static const int kTerms[] = {47246, -23222, 13612, -6370, 1503};
    constexpr int kLog2Of255 = 65490;  // in 1/8192
    Expr exponent = 31 - cast<int32_t>(count_leading_zeros(cast<uint32_t>(max(sum, 1))));
    Expr fraction = ((max(sum, 1) << (30 - exponent)) >> 15) - (1 << 15);
    Expr log2 = (exponent << kOctaveBits) + (polynomial_q15(kTerms, fraction) >> 2) - kLog2Of255;
    constexpr int kLn2 = 22713;  // in 1/32768
    return scaled_q15(reference + log2, kLn2);
}

// Newton's steps from a line, 3 · 4 bits.
Expr inverse_q14(const Expr &normalised) {
    Expr d = normalised >> 15;  // [2^15, 2^16)
    Expr x = 47747 - (d >> 1);  // 2.9142 - 2 d, in 1/16384
    for (int step = 0; step < 3; step++) {
        Expr correction = (1 << 16) - ((d * x) >> 15);
        x = (x * correction + (1 << 14)) >> 15;
    }
    return x;
}

}  // namespace lacuna
