#include <numeric>

#include "generators/numerics.h"
#include "generators/partial_products.h"

namespace lacuna {

using namespace Halide;

namespace {

// Rows of Q as halves, in a unit that is a power of two and puts the largest between 1/2 and 1:
// sums of 32 products pass f16's range only where K is beyond 2,047. They become Inf or NaN then,
// and so does what keeps them.
void define_half_query(PartialStages &s) {
    const Var r = s.r, i = s.i;
    define_largest(s);
    Expr exponent = clamp(s.row_largest(r, i) >> kMantissa, 1, 2 * kBias - 2) + 1;
    s.unit(r, i) = power(exponent);
    s.units_per_one(r, i) = power(2 * kBias - exponent);
    s.half_query = Func("half_query");
    Expr x = s.query(min(s.d, s.head_dim - 1), r, i) * s.units_per_one(r, i);
    s.half_query(s.d, r, i) = cast<float16_t>(select(s.d < s.head_dim, x, 0.0f));
}

}  // namespace

// Sums of 32 features, or of fewer where they would be padded, are made in f16 and added in f32.
void define_half_dot(PartialStages &s, const PartialInputs &in) {
    constexpr int kMost = 32, kLeast = 8;
    const Var ki = s.ki, kj = s.kj, r = s.r, i = s.i;
    Var c("c");
    define_half_query(s);
    const int padded = (s.head_dim + kLeast - 1) / kLeast * kLeast;
    s.half_chain = std::gcd(padded, kMost);
    s.half_features = RDom(0, s.half_chain, "half_features");
    s.features = RDom(0, padded / s.half_chain, "features");
    s.half_dot = Func("half_dot");
    Expr d = c * s.half_chain + s.half_features;
    Expr key = in.key(ki, padded == s.head_dim ? d : min(d, s.head_dim - 1), kj, i);
    s.half_dot(ki, c, kj, r, i) = cast<float16_t>(0);
    s.half_dot(ki, c, kj, r, i) += s.half_query(d, r, i) * key;
    s.dot(ki, kj, r, i) = 0.0f;
    s.dot(ki, kj, r, i) += cast<float>(s.half_dot(ki, s.features, kj, r, i));
}

// A panel's products are summed in f16, and the panels in f32. Weights are divided by a panel's
// keys: no sum of finite values passes f16's range.
void define_half_product(PartialStages &s, const PartialInputs &in) {
    const Var x = s.x, plane = s.plane, ki = s.ki, kj = s.kj, r = s.r, i = s.i;
    const int keys = s.format.panel_keys;
    const auto divisor = static_cast<float>(keys);
    s.half_weight = Func("half_weight");
    s.half_weight(ki, kj, r, i) = cast<float16_t>(s.weight(ki, kj, r, i) * (1.0f / divisor));
    s.half_keys = RDom(0, keys, "half_keys");
    const RVar key = s.half_keys;
    Expr masked = same_bits(s.score(key, kj, r, i), kMasked);
    Expr value = reinterpret<uint16_t>(in.value(x, key, kj, i, plane));
    value = reinterpret<float16_t>(select(!s.finite_values && masked, cast<uint16_t>(0), value));
    s.half_product = Func("half_product");
    s.half_product(x, plane, kj, r, i) = cast<float16_t>(0);
    s.half_product(x, plane, kj, r, i) += s.half_weight(key, kj, r, i) * value;
    s.each_key = RDom(0, in.slots, "each_panel");
    s.product(x, plane, r, i) = 0.0f;
    s.product(x, plane, r, i) += cast<float>(s.half_product(x, plane, s.each_key, r, i));
    s.attended(x, plane, r, i) = s.product(x, plane, r, i) * divisor;
}

}  // namespace lacuna
