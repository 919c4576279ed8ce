#include "generators/partial.h"

#include <numeric>

#include "generators/numerics.h"
#include "generators/partial_products.h"

namespace lacuna {

using namespace Halide;

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

Expr used_slot(const PartialStages &s, const PartialInputs &in) { return min(s.kj, in.slots - 1); }

void define_scaled_weight(PartialStages &s, const PartialInputs &in) {
    const Var ki = s.ki, kj = s.kj, r = s.r, i = s.i;
    s.scaled_weight = Func("scaled_weight");
    Expr masked = same_bits(s.score(ki, kj, r, i), kMasked);
    s.scaled_weight(ki, kj, r, i) = select_bits(!s.finite_values && masked, 0,
                                                s.weight(ki, kj, r, i) * in.value_scale(ki, kj, i));
}

namespace {

void define_dot(PartialStages &s, const PartialInputs &in) {
    const Var ki = s.ki, kj = s.kj, r = s.r, i = s.i;
    s.features = RDom(0, s.head_dim, "features");
    KeyOf key = in.key;
    if (s.key_bits < 32) {
        s.key = Func("key");
        s.key(ki, s.d, kj, i) = in.key(ki, s.d, kj, i);
        key = s.key;
    }
    const Expr slot = used_slot(s, in);
    s.dot(ki, kj, r, i) = 0.0f;
    s.dot(ki, kj, r, i) += s.query(s.features, r, i) * key(ki, s.features, slot, i);
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

void define_product(PartialStages &s, const PartialInputs &in) {
    const Var x = s.x, plane = s.plane, r = s.r, i = s.i;
    s.each_key = RDom(0, s.format.panel_keys, 0, in.slots, "each_key");
    Expr weight = s.weight(s.each_key.x, s.each_key.y, r, i);
    if (in.value_scale) {
        define_scaled_weight(s, in);
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
    if (in.halves)
        define_half_product(s, in);
    else
        in.value_group ? define_integer_product(s, in) : define_product(s, in);
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
