// Elementary functions in base 2, for scores that were scaled by log2(e) when Q was packed.
#pragma once
#include "Halide.h"

namespace lacuna {

// Scores of masked keys, and the least maximum a row can have. Their distance makes
// exp2(masked - max) exactly 0 without a select, in rows that keep no key as well.
constexpr float kMasked = -3.4e38f;
constexpr float kFloor = -1.0e38f;

constexpr int kMantissa = 23, kBias = 127;
// 2^(biased - kBias), and 0 for biased = 0.
Halide::Expr power(const Halide::Expr &biased);
// 2^x for x <= 0, relative error 1.2e-7, exactly 1 at 0 and exactly 0 from -126.5 down.
Halide::Expr exp2_nonpositive(const Halide::Expr &x);
// tanh(x), relative error 6e-8 below 0.5 and 2.3e-7 elsewhere.
Halide::Expr hyperbolic_tangent(const Halide::Expr &x);
// log2(x) for normal x > 0, absolute error 1e-7 + 6e-8·|log2 x|.
Halide::Expr log2_positive(const Halide::Expr &x);
// x to the nearest integer, ties to even, for |x| <= 2^22. From an addition's bits: Halide 21
// rounds vectors of AVX-512 in halves.
Halide::Expr nearest(const Halide::Expr &x);
// Tests on the bits: comparisons of floats are optimised as if no NaN or Inf existed.
Halide::Expr is_nonfinite(const Halide::Expr &x);
Halide::Expr is_zero(const Halide::Expr &x);  // +0
Halide::Expr same_bits(const Halide::Expr &x, float y);
// |x| as an integer that orders like the float, for maxima over bits.
Halide::Expr magnitude_bits(const Halide::Expr &x);
constexpr int32_t kInfinityBits = 0x7f800000;
// otherwise, or the float of these bits where `condition` holds. Selects between integers: one
// with a NaN or Inf operand may be folded away.
Halide::Expr select_bits(const Halide::Expr &condition, int32_t bits,
                         const Halide::Expr &otherwise);
constexpr int32_t kQuietNanBits = 0x7fc00000;
constexpr int32_t kNegativeInfinityBits = static_cast<int32_t>(0xff800000);

}  // namespace lacuna
