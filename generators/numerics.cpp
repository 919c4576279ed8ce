#include "generators/numerics.h"

namespace lacuna {

using namespace Halide;

namespace {

// 2^f - 1 on [-0.5, 0.5]: minimax of relative error in 2^f, 9.1e-8, with 2^0 = 1 exactly.
Expr exp2_fraction_minus_one(const Expr &f) {
    Expr p = 1.326472731307149e-3f;
    p = p * f + 9.671512991189957e-3f;
    p = p * f + 5.550733581185341e-2f;
    p = p * f + 2.4022242426872253e-1f;
    p = p * f + 6.931470036506653e-1f;
    return p * f;
}

constexpr float kUlpIsOne = 12582912.0f;  // 1.5 · 2^23
constexpr int32_t kUlpIsOneBits = 0x4b400000;

// 2^y for y in [-127, 127]. The last bits of a sum are y to the nearest integer, with the bias of
// an exponent: Halide 21 rounds vectors of AVX-512 in halves. Back by a conversion, not by a
// difference, which the optimiser would fold.
Expr exp2_bounded(const Expr &y) {
    Expr biased = reinterpret<int32_t>(y + (kUlpIsOne + kBias));
    Expr fraction = y - cast<float>(biased - (kUlpIsOneBits + kBias));
    return power(biased) * (exp2_fraction_minus_one(fraction) + 1.0f);
}

}  // namespace

Expr power(const Expr &biased) { return reinterpret<float>(cast<uint32_t>(biased) << kMantissa); }

Expr exp2_nonpositive(const Expr &x) { return exp2_bounded(max(x, -127.0f)); }

// An odd series near 0, where 1 - 2/(e^2x + 1) would cancel. e/(e + 2) with e = e^2x - 1 would not,
// but the optimiser regroups the difference and the digits are lost all the same.
Expr hyperbolic_tangent(const Expr &x) {
    constexpr float kTwoLog2E = 2.8853900817779268f;
    Expr a = abs(x), z = x * x;
    Expr p = -6.274238576191084e-3f;
    p = p * z + 2.1071678404226746e-2f;
    p = p * z - 5.385230975480006e-2f;
    p = p * z + 1.333258613699348e-1f;
    p = p * z - 3.333331755962423e-1f;
    Expr e = exp2_bounded(min(a, 10.0f) * kTwoLog2E);
    Expr t = 1.0f - 2.0f / (e + 1.0f);
    return select(a < 0.55f, x + x * (z * p), select(x < 0.0f, -t, t));
}

// log2(x) = exponent + log2(m), m in [√½, √2), by the odd series in z = (m-1)/(m+1).
Expr log2_positive(const Expr &x) {
    constexpr int32_t kRootHalfBits = 0x3f3504f3;
    Expr bits = reinterpret<int32_t>(x);
    Expr exponent = (bits - kRootHalfBits) >> 23;
    Expr m = reinterpret<float>(bits - (exponent << 23));
    Expr z = (m - 1.0f) / (m + 1.0f);
    Expr z2 = z * z;
    Expr p = 3.417648375034332e-1f;
    p = p * z2 + 4.115980267524719e-1f;
    p = p * z2 + 5.770853757858276e-1f;
    p = p * z2 + 9.617966413497925e-1f;
    p = p * z2 + 2.885390043258667f;
    return cast<float>(exponent) + z * p;
}

Expr nearest(const Expr &x) { return reinterpret<int32_t>(x + kUlpIsOne) - kUlpIsOneBits; }

Expr magnitude_bits(const Expr &x) { return reinterpret<int32_t>(x) & 0x7fffffff; }
Expr is_zero(const Expr &x) { return reinterpret<int32_t>(x) == 0; }
Expr same_bits(const Expr &x, float y) {
    return reinterpret<int32_t>(x) == reinterpret<int32_t>(Expr(y));
}
Expr is_nonfinite(const Expr &x) { return magnitude_bits(x) >= kInfinityBits; }
Expr select_bits(const Expr &condition, int32_t bits, const Expr &otherwise) {
    return reinterpret<float>(select(condition, bits, reinterpret<int32_t>(otherwise)));
}

}  // namespace lacuna
