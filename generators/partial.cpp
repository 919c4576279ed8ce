#include "generators/partial.h"

#include <numeric>

#include "generators/numerics.h"

namespace lacuna {

using namespace Halide;

namespace {

constexpr int kMantissa = 23, kBias = 127;

// 2^(biased - 127)
Expr power(const Expr &biased) { return reinterpret<float>(cast<uint32_t>(biased) << kMantissa); }

// The largest magnitude of each row of Q, as bits.
void define_largest(PartialStages &s) {
    const Var r = s.r, i = s.i;
    const int width = std::gcd(s.head_dim, s.format.lanes);
    s.lane_largest = Func("lane_largest");
    s.unit = Func("unit");
    s.units_per_one = Func("units_per_one");
    s.scan = RDom(0, s.head_dim / width, "scan");
    s.lane_largest(s.l, r, i) = 0;
    s.lane_largest(s.l, r, i) =
        max(s.lane_largest(s.l, r, i), magnitude_bits(s.query(s.scan * width + s.l, r, i)));
    RDom lanes(0, width, "lanes");
    s.row_largest = Func("row_largest");
    s.row_largest(r, i) = 0;
    s.row_largest(r, i) = max(s.row_largest(r, i), s.lane_largest(lanes, r, i));
}

// Rows of Q as integers of 15 bits. A unit is a power of two: products with it are exact, in
// whichever order the optimiser makes them. 2^14 · 127 · 1,024 features stay below 2^31.
void define_units(PartialStages &s) {
    constexpr int kUnitBits = 13;
    const Var r = s.r, i = s.i;
    define_largest(s);
    s.units = Func("units");
    Expr bits = s.row_largest(r, i);
    // Where the largest is below 2^-113, units stay normal numbers.
    Expr exponent = max(bits >> kMantissa, kUnitBits + 1);
    Expr none = bits >= kInfinityBits;
    s.unit(r, i) = select_bits(none, kQuietNanBits, power(exponent - kUnitBits));
    s.units_per_one(r, i) = select_bits(none, 0, power(2 * kBias + kUnitBits - exponent));
    none = is_nonfinite(s.unit(r, i));
    const bool whole = s.head_dim % s.format.key_group == 0;
    Expr x = s.query(whole ? Expr(s.d) : min(s.d, s.head_dim - 1), r, i);
    Expr rounded = cast<int16_t>(round(select_bits(none, 0, x) * s.units_per_one(r, i)));
    s.units(s.d, r, i) = whole ? rounded : select(s.d < s.head_dim, rounded, cast<int16_t>(0));
}

// Units lie within 2^14, so that both digits fit into 8 bits. The sums are those of whole units.
void define_digit_dot(PartialStages &s, const Expr &key, const Expr &feature) {
    const Var ki = s.ki, kj = s.kj, r = s.r, i = s.i;
    Var g("g");
    s.digits = Func("digits");
    s.digit_dot = Func("digit_dot");
    Expr unit = s.units(s.d, r, i), high = (unit + cast<int16_t>(128)) >> 8;
    s.digits(s.d, g, r, i) = cast<int8_t>(select(g == 0, unit, high));
    s.digit_dot(ki, g, kj, r, i) = 0;
    s.digit_dot(ki, g, kj, r, i) += cast<int32_t>(s.digits(feature, g, r, i)) * cast<int32_t>(key);
    s.dot(ki, kj, r, i) = s.digit_dot(ki, 1, kj, r, i) * 256 + s.digit_dot(ki, 0, kj, r, i);
}

// A register block of several panels takes the last one again where there are no more.
Expr used_slot(const PartialStages &s, const PartialInputs &in) { return min(s.kj, in.slots - 1); }

void define_integer_dot(PartialStages &s, const PartialInputs &in) {
    const Var ki = s.ki, kj = s.kj, r = s.r, i = s.i;
    define_units(s);
    s.features = RDom(0, s.format.key_group, 0, feature_groups(s.head_dim, s.format), "features");
    Expr key = in.key_group(s.features.x, ki, s.features.y, used_slot(s, in), i);
    Expr feature = s.features.y * s.format.key_group + s.features.x;
    if (s.format.key_group == 4) {
        define_digit_dot(s, key, feature);
        return;
    }
    s.dot(ki, kj, r, i) = 0;
    s.dot(ki, kj, r, i) +=
        cast<int32_t>(s.units(feature, r, i)) * cast<int32_t>(cast<int16_t>(key));
}

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

void define_dot(PartialStages &s, const PartialInputs &in) {
    const Var ki = s.ki, kj = s.kj, r = s.r, i = s.i;
    s.features = RDom(0, s.head_dim / in.dot_lanes, "features");
    KeyOf key = in.key;
    if (s.key_bits < 32) {
        s.key = Func("key");
        s.key(ki, s.d, kj, i) = in.key(ki, s.d, kj, i);
        key = s.key;
    }
    const Expr slot = used_slot(s, in);
    const auto product = [&](const Expr &d) { return s.query(d, r, i) * key(ki, d, slot, i); };
    s.dot(ki, kj, r, i) = 0.0f;
    if (in.dot_lanes == 1) {
        s.dot(ki, kj, r, i) += product(s.features);
    } else {
        s.lane_dot = Func("lane_dot");
        s.fold_dot = RDom(0, in.dot_lanes, "fold_dot");
        s.lane_dot(s.l, ki, kj, r, i) = 0.0f;
        s.lane_dot(s.l, ki, kj, r, i) += product(s.features * in.dot_lanes + s.l);
        s.dot(ki, kj, r, i) += s.lane_dot(s.fold_dot, ki, kj, r, i);
    }
}

void define_score(PartialStages &s, const PartialInputs &in) {
    const Var ki = s.ki, kj = s.kj, r = s.r, i = s.i;
    Expr tile = unsafe_promise_clamped(in.tiles(i), 0, in.tile_count - 1);
    s.query(s.d, r, i) = in.queries(s.d, r, tile);
    if (in.key_group) {
        define_integer_dot(s, in);
        s.score(ki, kj, r, i) =
            cast<float>(s.dot(ki, kj, r, i)) * s.unit(r, i) * in.key_scale(ki, kj, i);
    } else if (in.halves) {
        define_half_dot(s, in);
        s.score(ki, kj, r, i) = s.dot(ki, kj, r, i) * s.unit(r, i);
    } else {
        define_dot(s, in);
        Expr dot = s.dot(ki, kj, r, i);
        s.score(ki, kj, r, i) = in.key_scale ? dot * in.key_scale(ki, kj, i) : dot;
    }
    Expr raw = s.score(ki, kj, r, i);
    Expr capped = in.softcap * hyperbolic_tangent(raw / in.softcap);
    s.score(ki, kj, r, i) = select(s.softcap_off || is_nonfinite(raw), raw, capped);

    Expr distance = abs(in.key_position(ki, kj, i) - in.positions(r, i));
    Expr unbiased_score = s.score(ki, kj, r, i);
    s.score(ki, kj, r, i) =
        select(s.unbiased, unbiased_score,
               unbiased_score - in.slopes(r) * cast<float>(cast<int32_t>(distance)));

    // Only edge panels pay for the test. The select is between integers because a select between
    // floats makes Halide 21 crash in its trimming of no-op loops.
    s.edge = RDom(0, in.edge_count, "edge");
    Expr slot = unsafe_promise_clamped(in.edges(s.edge, i), 0, in.slots - 1);
    Expr bits = reinterpret<int32_t>(s.score(ki, slot, r, i));
    s.score(ki, slot, r, i) = reinterpret<float>(
        select(in.keep(ki, r, s.edge, slot, i), bits, reinterpret<int32_t>(Expr(kMasked))));
}

void define_softmax(PartialStages &s, const PartialInputs &in, int lanes) {
    const Var ki = s.ki, kj = s.kj, r = s.r, i = s.i;
    const int vectors = s.format.panel_keys / lanes;
    s.panel_lanes = RDom(0, vectors, 0, in.slots, "panel_lanes");
    s.fold_max = RDom(0, lanes, "fold_max");
    s.lane_max(s.l, r, i) = kFloor;
    s.lane_max(s.l, r, i) =
        max(s.lane_max(s.l, r, i), s.score(s.panel_lanes.x * lanes + s.l, s.panel_lanes.y, r, i));
    s.row_max(r, i) = kFloor;
    s.row_max(r, i) = max(s.row_max(r, i), s.lane_max(s.fold_max, r, i));

    // Masked scores are finite, so a score that is not belongs to a kept key.
    Expr score = s.score(ki, kj, r, i);
    s.weight(ki, kj, r, i) = select_bits(!s.finite_scores && is_nonfinite(score), kQuietNanBits,
                                         exp2_nonpositive(score - s.row_max(r, i)));
    s.sum_lanes = RDom(0, vectors, 0, in.slots, "sum_lanes");
    s.fold_sum = RDom(0, lanes, "fold_sum");
    s.lane_sum(s.l, r, i) = 0.0f;
    s.lane_sum(s.l, r, i) += s.weight(s.sum_lanes.x * lanes + s.l, s.sum_lanes.y, r, i);
    s.row_sum(r, i) = 0.0f;
    s.row_sum(r, i) += s.lane_sum(s.fold_sum, r, i);
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

void define_product(PartialStages &s, const PartialInputs &in) {
    const Var x = s.x, plane = s.plane, r = s.r, i = s.i;
    s.each_key = RDom(0, s.format.panel_keys, 0, in.slots, "each_key");
    Expr weight = s.weight(s.each_key.x, s.each_key.y, r, i);
    if (in.value_scale) {
        s.scaled_weight = Func("scaled_weight");
        Expr masked = same_bits(s.score(s.ki, s.kj, r, i), kMasked);
        s.scaled_weight(s.ki, s.kj, r, i) =
            select_bits(!s.finite_values && masked, 0,
                        s.weight(s.ki, s.kj, r, i) * in.value_scale(s.ki, s.kj, i));
        weight = s.scaled_weight(s.each_key.x, s.each_key.y, r, i);
    }
    ValueOf value_of = in.value;
    if (s.value_bits < 32) {
        s.value = Func("value");
        s.value(x, s.ki, s.kj, i, plane) = in.value(x, s.ki, s.kj, i, plane);
        value_of = s.value;
    }
    Expr value = value_of(x, s.each_key.x, s.each_key.y, i, plane);
    // 0·NaN is NaN: where V may hold one, masked keys read as 0.
    Expr masked = same_bits(s.score(s.each_key.x, s.each_key.y, r, i), kMasked);
    if (!in.value_scale) value = select_bits(!s.finite_values && masked, 0, value);
    s.product(x, plane, r, i) = 0.0f;
    s.product(x, plane, r, i) += weight * value;
    s.attended(x, plane, r, i) = s.product(x, plane, r, i);
}

void define_output(PartialStages &s, const PartialInputs &in) {
    const Var r = s.r, i = s.i;
    in.halves ? define_half_product(s, in) : define_product(s, in);
    const int padded = padded_features(s.value_dim, s.format);
    const auto at = [&](const Expr &place) {
        return s.attended(place % s.format.plane, place / s.format.plane, r, i);
    };
    s.out(s.d, r, i) = select(likely(s.d < padded), in.feature(min(s.d, padded - 1), at),
                              select(s.d == padded, s.row_max(r, i), s.row_sum(r, i)));
}

}  // namespace

void partial(PartialStages &s, const PartialInputs &in, int head_dim, int value_dim,
             const Format &f) {
    s.head_dim = head_dim;
    s.value_dim = value_dim;
    s.key_bits = in.key_bits;
    s.value_bits = in.value_bits;
    s.format = f;
    s.softcap_off = in.softcap == 0.0f;
    s.unbiased = in.unbiased;
    // Sums in f16 of finite numbers may be none.
    s.finite_scores = in.halves ? Internal::const_false() : !in.careful_scores;
    s.finite_values = !in.careful_values;
    s.query = Func("query");
    s.dot = Func("dot");
    s.score = Func("score");
    s.lane_max = Func("lane_max");
    s.row_max = Func("row_max");
    s.weight = Func("weight");
    s.lane_sum = Func("lane_sum");
    s.row_sum = Func("row_sum");
    s.product = Func("product");
    s.attended = Func("attended");
    s.out = Func("out");
    define_score(s, in);
    define_softmax(s, in, f.lanes);
    define_output(s, in);
}

}  // namespace lacuna
