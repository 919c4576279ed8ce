// The schedule for a target nobody has tuned: one loop nest a stage, nothing vectorised, scratch
// bounded as everywhere.
#include "schedules/schedule.h"

namespace lacuna {

using namespace Halide;

namespace {

void queries(PackQueriesStages &s, const Tile &, int) {
    s.packed.compute_root();
    s.magnitude.compute_root();
}
void keys(PackKeysStages &s, const Tile &, int) {
    s.packed.compute_root();
    if (s.magnitude.defined()) s.magnitude.compute_at(s.nonfinite, s.p);
    if (s.quantised.scales.defined()) s.quantised.scales.compute_root();
}
void values(PackValuesStages &s, const Tile &, int) {
    s.packed.compute_root();
    if (s.magnitude.defined()) s.magnitude.compute_at(s.nonfinite, s.p);
    if (s.quantised.scales.defined()) s.quantised.scales.compute_root();
}

void partial(PartialStages &s, const Tile &, int) {
    const int slots = s.format.chunk + 1;
    s.score.compute_at(s.out, s.i).store_in(MemoryType::Stack).bound_storage(s.kj, slots);
    s.weight.compute_at(s.out, s.r).store_in(MemoryType::Stack).bound_storage(s.kj, slots);
    s.dot.compute_at(s.score, s.ki);
    if (s.units.defined()) {
        for (Func f : {s.units, s.unit, s.units_per_one, s.row_largest})
            f.compute_at(s.out, s.i).store_in(MemoryType::Stack);
        s.lane_largest.compute_at(s.row_largest, s.r);
    }
    if (s.digits.defined()) {
        s.digits.compute_at(s.out, s.i).store_in(MemoryType::Stack);
        s.digit_dot.compute_at(s.score, s.ki);
    }
    if (s.scaled_weight.defined())
        s.scaled_weight.compute_at(s.out, s.r)
            .store_in(MemoryType::Stack)
            .bound_storage(s.kj, slots);
    if (s.weight_units.defined()) {
        s.weight_units.compute_at(s.out, s.r)
            .store_in(MemoryType::Stack)
            .bound_storage(s.kj, slots);
        for (Func f : {s.lane_heaviest, s.heaviest, s.weight_unit, s.units_per_weight})
            f.compute_at(s.out, s.r);
    }
    if (s.digit_product.defined()) s.digit_product.compute_at(s.attended, s.x);
    for (Func f : {s.lane_max, s.row_max, s.lane_sum, s.row_sum, s.attended})
        f.compute_at(s.out, s.r);
    s.product.compute_at(s.attended, s.x);
}

void gather(GatherStages &s, const Tile &tile, int lanes) {
    partial(s, tile, lanes);
    s.panels.compute_at(s.score, s.kj).store_in(MemoryType::Stack);
}

void pairs(PairsStages &s, const Tile &, int lanes) {
    for (Func f : {s.score, s.weight})
        f.compute_at(s.out, s.r).store_in(MemoryType::Stack).bound_storage(s.i, kPairsMost + lanes);
    s.dot.compute_at(s.score, s.fold.z);
    for (Func f : {s.lane_max, s.row_max, s.lane_sum, s.row_sum, s.attended})
        f.compute_at(s.out, s.r);
}

void merge(MergeStages &s, const Tile &tile, int) {
    Func consumer = s.state.defined() ? s.state : s.out;
    for (Func f : {s.running_max, s.carry, s.weight}) {
        f.compute_root()
            .store_in(MemoryType::Stack)
            .bound_storage(s.j, kFoldItems + 1)
            .bound_storage(s.r, tile.rows);
    }
    for (Func f : {s.sum, s.inverse_sum})
        if (f.defined()) f.compute_root().store_in(MemoryType::Stack).bound_storage(s.r, tile.rows);
    s.folded.compute_at(consumer, s.scatter.y)
        .store_in(MemoryType::Stack)
        .bound_storage(s.d, padded_features(s.value_dim, s.format));
}

void summarise(SummariseStages &s, const Tile &, int) {
    s.high.reorder(s.d, s.b);
    s.low.reorder(s.d, s.b);
    for (Func f : {s.most, s.total}) f.compute_at(s.high, s.d);
    s.least.compute_at(s.low, s.d);
}

void route(RouteStages &s, const Tile &, int) {
    s.out.update().reorder(s.rows.x, s.b, s.rows.y);
    for (Func f : {s.positive, s.negative})
        f.compute_at(s.out, s.rows.y).store_in(MemoryType::Stack);
    s.score.compute_at(s.out, s.rows.x);
}

}  // namespace

const Schedule kGenericSchedule{queries, keys,  values,    partial, gather,
                                pairs,   merge, summarise, route};

}  // namespace lacuna
