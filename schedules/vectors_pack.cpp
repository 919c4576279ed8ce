// Packing of Q, K and V.
#include "schedules/vectors.h"

namespace lacuna::vectors {

using namespace Halide;

void queries(PackQueriesStages &s, const Tile &, int lanes) {
    s.factor.compute_root()
        .store_in(MemoryType::Stack)
        .vectorize(s.d, lanes, TailStrategy::GuardWithIf);
    s.packed.compute_root().vectorize(s.d, lanes, TailStrategy::GuardWithIf);
    s.magnitude.compute_root().vectorize(s.d, lanes, TailStrategy::GuardWithIf);
    RVar block("block"), feature("feature");
    s.magnitude.update()
        .allow_race_conditions()
        .split(s.scan.x, block, feature, lanes, TailStrategy::GuardWithIf)
        .reorder(feature, s.scan.y, block)
        .vectorize(feature);
}

namespace {

// Magnitudes of a row side by side; what is read twice a row, the scales, is an output.
void quantised(QuantiseStages &s) {
    s.scales.compute_root();
    if (!s.lane_largest.defined()) return;
    s.lane_largest.compute_at(s.scales, s.ki).vectorize(s.l);
    s.lane_largest.update().reorder(s.l, s.scan).vectorize(s.l);
}

}  // namespace

void by_squares(Func out, const Var &ki, const Var &d, Transposition &t, int panel_keys) {
    Var block("block"), feature("feature");
    out.split(d, block, feature, t.side)
        .reorder(ki, feature, block)
        .vectorize(ki, t.side)
        .unroll(ki)
        .unroll(feature);
    // All of a square at once: its vectors stay in registers.
    for (Func &shuffle : t.shuffles) {
        shuffle.compute_at(out, block)
            .store_in(MemoryType::Stack)
            .bound(t.parity, 0, 2)
            .bound(t.lane, 0, t.side)
            .bound(t.pair, 0, t.side / 2)
            .bound(t.keys, 0, panel_keys / t.side)
            .bound_extent(t.features, 1)
            .reorder(t.lane, t.parity, t.pair, t.keys)
            .vectorize(t.lane)
            .unroll(t.parity)
            .unroll(t.pair)
            .unroll(t.keys);
    }
}

namespace {

// A square of features by keys is read along features and written along keys.
void by_rows(PackKeysStages &s, int lanes) {
    Var block("block"), feature("feature");
    if (s.head_dim >= lanes) {
        s.packed.split(s.d, block, feature, lanes, TailStrategy::ShiftInwards)
            .reorder(s.ki, feature, block, s.p)
            .unroll(feature);
        s.rows.compute_at(s.packed, block).vectorize(s.d, lanes).unroll(s.ki);
    }
    s.packed.vectorize(s.ki, lanes).unroll(s.ki);
}

}  // namespace

void keys(PackKeysStages &s, const Tile &, int lanes) {
    s.packed.compute_root().bound(s.ki, 0, s.panel_keys);
    if (s.transposition.side > 0)
        by_squares(s.packed, s.ki, s.d, s.transposition, s.panel_keys);
    else
        by_rows(s, lanes);
    if (s.quantised.scales.defined()) {
        if (s.quantised.lane_largest.defined())
            s.quantised.units.compute_at(s.packed, s.p)
                .vectorize(s.quantised.d, lanes, TailStrategy::GuardWithIf);
        quantised(s.quantised);
        return;
    }
    s.largest.update().atomic().vectorize(s.lanes);
    s.magnitude.compute_at(s.nonfinite, s.p).vectorize(s.l, lanes).unroll(s.l);
    s.magnitude.update().reorder(s.l, s.scan).vectorize(s.l, lanes).unroll(s.l).unroll(s.scan, 4);
}

void values(PackValuesStages &s, const Tile &, int lanes) {
    s.packed.compute_root().bound(s.di, 0, s.format.plane);
    s.packed.bound(s.ki, 0, s.format.panel_keys / s.group)
        .bound(s.plane, 0, s.planes)
        .reorder(s.di, s.plane, s.ki, s.p)
        .vectorize(s.di, lanes)
        .unroll(s.di)
        .unroll(s.plane);
    if (s.quantised.scales.defined()) {
        quantised(s.quantised);
        return;
    }
    s.largest.update().atomic().vectorize(s.lanes);
    s.magnitude.compute_at(s.nonfinite, s.p).vectorize(s.l, lanes).unroll(s.l);
    s.magnitude.update()
        .reorder(s.l, s.scan.x, s.scan.y)
        .vectorize(s.l, lanes)
        .unroll(s.l)
        .unroll(s.scan.x, 4);
}

}  // namespace lacuna::vectors
