#include "generators/partial.h"

#include "generators/numerics.h"

namespace lacuna {

using namespace Halide;

namespace {

void define_score(PartialStages &s, const PartialInputs &in) {
    const Var ki = s.ki, kj = s.kj, r = s.r, i = s.i;
    Expr tile = unsafe_promise_clamped(in.tiles(i), 0, in.tile_count - 1);
    s.query(s.d, r, i) = in.queries(s.d, r, tile);
    s.features = RDom(0, s.head_dim / in.dot_lanes, "features");
    const auto product = [&](const Expr &d) { return s.query(d, r, i) * in.key(ki, d, kj, i); };
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

    s.score(ki, kj, r, i) = s.dot(ki, kj, r, i);
    Expr raw = s.score(ki, kj, r, i);
    Expr capped = in.softcap * hyperbolic_tangent(raw / in.softcap);
    s.score(ki, kj, r, i) = select(s.softcap_off || is_nonfinite(raw), raw, capped);

    // Only edge panels pay for the test. The select is between integers because a select between
    // floats makes Halide 21 crash in its trimming of no-op loops.
    s.edge = RDom(0, in.edge_count, "edge");
    Expr slot = unsafe_promise_clamped(in.edges(s.edge, i), 0, in.slots - 1);
    Expr bits = reinterpret<int32_t>(s.score(ki, slot, r, i));
    s.score(ki, slot, r, i) = reinterpret<float>(
        select(in.keep(ki, r, s.edge, i), bits, reinterpret<int32_t>(Expr(kMasked))));
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

void define_output(PartialStages &s, const PartialInputs &in) {
    const Var x = s.x, plane = s.plane, r = s.r, i = s.i;
    s.each_key = RDom(0, s.format.panel_keys, 0, in.slots, "each_key");
    Expr value = in.value(x, s.each_key.x, s.each_key.y, i, plane);
    // 0·NaN is NaN: where V may hold one, masked keys read as 0.
    Expr masked = same_bits(s.score(s.each_key.x, s.each_key.y, r, i), kMasked);
    value = select_bits(!s.finite_values && masked, 0, value);
    s.product(x, plane, r, i) = 0.0f;
    s.product(x, plane, r, i) += s.weight(s.each_key.x, s.each_key.y, r, i) * value;
    s.attended(x, plane, r, i) = s.product(x, plane, r, i);

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
    s.format = f;
    s.softcap_off = in.softcap == 0.0f;
    s.finite_scores = !in.careful_scores;
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
