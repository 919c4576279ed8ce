#include "generators/numerics.h"
#include "generators/partial_products.h"

namespace lacuna {

using namespace Halide;

namespace {

// A row's numbers as integers of 15 bits, given the bits of the largest. A unit is a power of two:
// products with it are exact, in whichever order the optimiser makes them. 2^14 · 127 · 1,024
// features, or an item's keys, stay below 2^31.
void define_unit(Func &unit, Func &units_per_one, const Expr &largest, const Var &r, const Var &i) {
    constexpr int kUnitBits = 13;
    // Where the largest is below 2^-113, units stay normal numbers.
    Expr exponent = max(largest >> kMantissa, kUnitBits + 1);
    Expr none = largest >= kInfinityBits;
    unit(r, i) = select_bits(none, kQuietNanBits, power(exponent - kUnitBits));
    units_per_one(r, i) = select_bits(none, 0, power(2 * kBias + kUnitBits - exponent));
}
// Where a unit is NaN so is all that is in it, whatever its integers.
Expr in_units(const Expr &x, const Expr &units_per_one) {
    return cast<int16_t>(nearest(x * units_per_one));
}
// They lie within 2^14, so that both digits, 256 · 1 + 0, fit into 8 bits.
Expr digit(const Expr &g, const Expr &units) {
    return cast<int8_t>(select(g == 0, units, (units + cast<int16_t>(128)) >> 8));
}

void define_units(PartialStages &s) {
    const Var r = s.r, i = s.i;
    define_largest(s);
    s.units = Func("units");
    define_unit(s.unit, s.units_per_one, s.row_largest(r, i), r, i);
    const bool whole = s.head_dim % s.format.key_group == 0;
    Expr x = s.query(whole ? Expr(s.d) : min(s.d, s.head_dim - 1), r, i);
    Expr rounded = in_units(x, s.units_per_one(r, i));
    s.units(s.d, r, i) = whole ? rounded : select(s.d < s.head_dim, rounded, cast<int16_t>(0));
}

// The sums are those of whole units.
void define_digit_dot(PartialStages &s, const Expr &key, const Expr &feature) {
    const Var ki = s.ki, kj = s.kj, r = s.r, i = s.i;
    Var g("g");
    s.digits = Func("digits");
    s.digit_dot = Func("digit_dot");
    s.digits(s.d, g, r, i) = digit(g, s.units(s.d, r, i));
    s.digit_dot(ki, g, kj, r, i) = 0;
    s.digit_dot(ki, g, kj, r, i) += cast<int32_t>(s.digits(feature, g, r, i)) * cast<int32_t>(key);
    s.dot(ki, kj, r, i) = s.digit_dot(ki, 1, kj, r, i) * 256 + s.digit_dot(ki, 0, kj, r, i);
}

// Scaled weights of an item's row as integers.
void define_weight_units(PartialStages &s) {
    const Var r = s.r, i = s.i, l = s.l;
    const int lanes = s.format.lanes;
    s.lane_heaviest = Func("lane_heaviest");
    s.lane_heaviest(l, r, i) = 0;
    Expr weight = s.scaled_weight(s.panel_lanes.x * lanes + l, s.panel_lanes.y, r, i);
    s.lane_heaviest(l, r, i) = max(s.lane_heaviest(l, r, i), magnitude_bits(weight));
    s.heaviest = Func("heaviest");
    s.heaviest(r, i) = 0;
    s.heaviest(r, i) = max(s.heaviest(r, i), s.lane_heaviest(s.fold_max, r, i));
    s.weight_unit = Func("weight_unit");
    s.units_per_weight = Func("units_per_weight");
    define_unit(s.weight_unit, s.units_per_weight, s.heaviest(r, i), r, i);
    s.weight_units = Func("weight_units");
    s.weight_units(s.ki, s.kj, r, i) =
        in_units(s.scaled_weight(s.ki, s.kj, r, i), s.units_per_weight(r, i));
}

}  // namespace

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

// Whole numbers in whichever order: of V of 8 bits.
void define_integer_product(PartialStages &s, const PartialInputs &in) {
    const Var x = s.x, plane = s.plane, r = s.r, i = s.i;
    const int group = s.format.value_group;
    define_scaled_weight(s, in);
    define_weight_units(s);
    s.each_group = RDom(0, group, 0, s.format.panel_keys / group, 0, in.slots, "each_group");
    const RVar which = s.each_group.x, at = s.each_group.y, slot = s.each_group.z;
    Expr key = at * group + which, value = in.value_group(which, x, at, slot, i, plane);
    if (group == 4) {
        const Var g("g");
        s.weight_digits = Func("weight_digits");
        s.weight_digits(s.ki, g, s.kj, r, i) = digit(g, s.weight_units(s.ki, s.kj, r, i));
        s.digit_product = Func("digit_product");
        s.digit_product(x, plane, g, r, i) = 0;
        s.digit_product(x, plane, g, r, i) +=
            cast<int32_t>(s.weight_digits(key, g, slot, r, i)) * cast<int32_t>(value);
        s.product(x, plane, r, i) =
            s.digit_product(x, plane, 1, r, i) * 256 + s.digit_product(x, plane, 0, r, i);
    } else {
        s.product(x, plane, r, i) = 0;
        s.product(x, plane, r, i) +=
            cast<int32_t>(s.weight_units(key, slot, r, i)) * cast<int32_t>(cast<int16_t>(value));
    }
    s.attended(x, plane, r, i) = cast<float>(s.product(x, plane, r, i)) * s.weight_unit(r, i);
}

}  // namespace lacuna
