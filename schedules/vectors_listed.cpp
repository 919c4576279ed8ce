// Keys that are listed one by one.
#include "schedules/vectors.h"

namespace lacuna::vectors {

using namespace Halide;

void gather(GatherStages &s, const Tile &tile, int lanes, const Blocks &blocks) {
    Tile by_panel = tile;
    by_panel.score_panels = 1;
    partial(s, by_panel, lanes, blocks);
    if (!s.panels.defined()) return;
    s.panels.compute_at(s.score, s.kj)
        .store_in(MemoryType::Stack)
        .bound(s.ki, 0, s.format.panel_keys);
    if (s.transposition.side > 0) {
        by_squares(s.panels, s.ki, s.d, s.transposition, s.format.panel_keys);
        return;
    }
    // Rows of K are read along features and written key by key.
    Var block("block"), feature("feature");
    s.panels.split(s.d, block, feature, s.key_lanes)
        .reorder(feature, s.ki, block)
        .vectorize(feature)
        .unroll(s.ki);
}

void pairs(PairsStages &s, const Tile &, int lanes) {
    const auto guard = TailStrategy::GuardWithIf;
    s.score.compute_root().store_in(MemoryType::Stack).bound_storage(s.p, kPairsMost);
    s.score.vectorize(s.p, lanes, guard);
    s.score.update(0).reorder(s.fold, s.p).atomic().vectorize(s.fold);
    s.score.update(1).vectorize(s.p, lanes, guard).specialize(s.softcap_off);
    s.score.update(2).vectorize(s.p, lanes, guard).specialize(s.unbiased);
    s.dot.compute_at(s.score, s.p).vectorize(s.l);
    s.dot.update().reorder(s.l, s.features).vectorize(s.l).unroll(s.features);

    s.row_max.compute_root().bound(s.r, 0, s.rows).vectorize(s.r);
    s.row_max.update().reorder(s.r, s.max_pairs).vectorize(s.r);
    s.weight.compute_root()
        .store_in(MemoryType::Stack)
        .bound_storage(s.p, kPairsMost)
        .vectorize(s.p, lanes, guard);
    s.row_sum.compute_root().bound(s.r, 0, s.rows).vectorize(s.r);
    s.row_sum.update().reorder(s.r, s.sum_pairs).vectorize(s.r);

    s.out.vectorize(s.d, lanes).unroll(s.d);
    RVar feature("feature"), block("block");
    s.out.update()
        .allow_race_conditions()
        .split(s.products.x, block, feature, s.value_lanes)
        .reorder(feature, block, s.products.y)
        .vectorize(feature)
        .unroll(block);
}

}  // namespace lacuna::vectors
