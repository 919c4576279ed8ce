#include "schedules/vectors.h"

#include <algorithm>

namespace lacuna {

using namespace Halide;

namespace vectors {

int planes_at_once(const PartialStages &s, const Tile &tile) {
    const int planes = padded_features(s.value_dim, s.format) / s.format.plane;
    int most = tile.value_planes;
    while (planes % most != 0) most--;
    return most;
}

int part_of_plane(const PartialStages &s, const Tile &tile) {
    int parts = tile.plane_parts;
    while (s.format.plane / s.format.lanes % parts != 0) parts--;
    return s.format.plane / parts;
}

namespace {

// Two features of a key and of a row at a time: a multiply-add of 16-bit pairs.
void integer_dots(PartialStages &s, const Tile &tile, int lanes) {
    s.dot.update()
        .reorder(s.features.x, s.ki, s.kj, s.r, s.features.y)
        .atomic()
        .vectorize(s.features.x)
        .vectorize(s.ki, lanes)
        .unroll(s.ki)
        .unroll(s.kj)
        .unroll(s.r)
        .unroll(s.features.y, std::min(tile.score_unroll, 2));
    units(s, lanes);
}

}  // namespace

void units(PartialStages &s, int lanes) {
    s.units.compute_at(s.out, s.i)
        .store_in(MemoryType::Stack)
        .vectorize(s.d, lanes, TailStrategy::GuardWithIf);
    row_units(s);
}

void row_units(PartialStages &s) {
    for (Func f : {s.unit, s.units_per_one, s.row_largest})
        f.compute_at(s.out, s.i).store_in(MemoryType::Stack);
    s.lane_largest.compute_at(s.row_largest, s.r).vectorize(s.l);
    s.lane_largest.update().reorder(s.l, s.scan).vectorize(s.l);
}

void dots_by_panel(PartialStages &s, const Var &row_block, const Tile &tile, int lanes) {
    s.dot.compute_at(s.score, row_block)
        .bound_extent(s.kj, tile.score_panels)
        .vectorize(s.ki, lanes)
        .unroll(s.ki)
        .unroll(s.kj)
        .unroll(s.r);
    if (s.units.defined()) {
        integer_dots(s, tile, lanes);
        return;
    }
    s.dot.update()
        .reorder(s.ki, s.kj, s.r, s.features)
        .vectorize(s.ki, lanes)
        .unroll(s.ki)
        .unroll(s.kj)
        .unroll(s.r)
        .unroll(s.features, tile.score_unroll);
}

namespace {

// What a row keeps by lanes, and then by itself.
void by_lane_and_row(PartialStages &s, Func lane, Func row, const Var &block, int rows, int lanes) {
    lane.compute_at(s.out, block).bound_extent(s.r, rows);
    lane.vectorize(s.l, lanes).unroll(s.l).unroll(s.r);
    row.compute_at(s.out, block).bound_extent(s.r, rows).unroll(s.r);
}

// Rows' maxima are taken side by side, and of few rows of some panels at once. Not the sums: the
// optimiser would order them by how often a loop over panels is unrolled.
void maximum(PartialStages &s, Func lane, Func row, const Var &block, int rows, int lanes) {
    constexpr int kMaxima = 4;
    by_lane_and_row(s, lane, row, block, rows, lanes);
    lane.update()
        .reorder(s.l, s.panel_lanes.x, s.r, s.panel_lanes.y)
        .vectorize(s.l, lanes)
        .unroll(s.l)
        .unroll(s.panel_lanes.x)
        .unroll(s.r)
        .unroll(s.panel_lanes.y, std::max(1, kMaxima / rows));
    row.update().atomic().vectorize(s.fold_max).unroll(s.r);
}

void softmax(PartialStages &s, const Var &block, const Tile &tile, int lanes) {
    maximum(s, s.lane_max, s.row_max, block, tile.value_rows, lanes);
    const auto weights = [&](Func f, int at_once) {
        f.compute_at(s.out, block)
            .store_in(MemoryType::Stack)
            .bound_storage(s.kj, s.format.chunk + 1)
            .vectorize(s.ki, at_once)
            .unroll(s.ki);
    };
    weights(s.weight, lanes);
    s.weight.specialize(s.finite_scores);
    if (s.scaled_weight.defined()) {
        weights(s.scaled_weight, lanes);
        s.scaled_weight.specialize(s.finite_values);
    }
    const int narrow_lanes = std::min(2 * lanes, s.format.panel_keys);
    if (s.half_weight.defined()) weights(s.half_weight, narrow_lanes);
    if (s.weight_units.defined()) {
        maximum(s, s.lane_heaviest, s.heaviest, block, tile.value_rows, lanes);
        for (Func f : {s.weight_unit, s.units_per_weight})
            f.compute_at(s.out, block).store_in(MemoryType::Stack);
        weights(s.weight_digits.defined() ? s.weight_digits : s.weight_units, narrow_lanes);
    }
    if (s.weight_digits.defined()) {
        const Var digit = s.weight_digits.args()[1];
        s.weight_digits.bound_extent(digit, 2).unroll(digit);
    }
    by_lane_and_row(s, s.lane_sum, s.row_sum, block, tile.value_rows, lanes);
    s.lane_sum.update()
        .reorder(s.l, s.sum_lanes.x, s.r, s.sum_lanes.y)
        .vectorize(s.l, lanes)
        .unroll(s.l)
        .unroll(s.sum_lanes.x)
        .unroll(s.r);
    s.row_sum.update().atomic().vectorize(s.fold_sum).unroll(s.r);
}

}  // namespace

void attended(PartialStages &s, const Var &block, const Tile &tile, int lanes) {
    if (tile.streams && !s.digit_product.defined()) {  // digits have sums of their own
        s.product.compute_at(s.out, block)
            .store_in(MemoryType::Stack)
            .vectorize(s.x, lanes)
            .unroll(s.x)
            .unroll(s.r);
        return;
    }
    Var in_block("in_block"), part("part"), x("x");
    const int planes = planes_at_once(s, tile), width = part_of_plane(s, tile);
    s.attended.compute_at(s.out, block)
        .split(s.plane, s.plane, in_block, planes)
        .split(s.x, part, x, width)
        .reorder(x, in_block, s.r, part, s.plane)
        .vectorize(x, lanes)
        .unroll(x)
        .unroll(in_block)
        .unroll(s.r);
    s.product.compute_at(s.attended, part)
        .bound_extent(s.plane, planes)
        .bound_extent(s.x, width)
        .vectorize(s.x, lanes)
        .unroll(s.x)
        .unroll(s.plane)
        .unroll(s.r);
}

// A group of keys at a time: a multiply-add of 16-bit pairs, where there are pairs.
void integer_products(PartialStages &s, const Tile &tile, int lanes) {
    const RVar which = s.each_group.x, group = s.each_group.y, panel = s.each_group.z;
    Stage update = s.product.update();
    if (tile.streams)
        update.reorder({which, s.x, s.r, group, s.plane, panel});
    else
        update.reorder({which, s.x, s.plane, s.r, group, panel}).unroll(s.plane);
    update.atomic().vectorize(which).vectorize(s.x, lanes).unroll(s.x).unroll(s.r);
    const int groups = s.format.panel_keys / s.format.value_group;
    update.unroll(group, tile.streams ? groups : std::min(tile.value_unroll, groups));
}

// All planes of a panel, then the next panel: the sums wait in L1 while V comes from memory.
void products_by_panel(PartialStages &s, int lanes) {
    s.product.update()
        .reorder(s.x, s.r, s.each_key.x, s.plane, s.each_key.y)
        .vectorize(s.x, lanes)
        .unroll(s.x)
        .unroll(s.r)
        .unroll(s.each_key.x)
        .specialize(s.finite_values);
}

void products(PartialStages &s, const Tile &tile, int lanes) {
    if (s.weight_units.defined()) {
        integer_products(s, tile, lanes);
        return;
    }
    if (tile.streams) {
        products_by_panel(s, lanes);
        return;
    }
    s.product.update()
        .reorder(s.x, s.plane, s.r, s.each_key.x, s.each_key.y)
        .vectorize(s.x, lanes)
        .unroll(s.x)
        .unroll(s.plane)
        .unroll(s.r)
        .unroll(s.each_key.x, tile.value_unroll)
        .specialize(s.finite_values);
}

// The scores of all rows of a tile are computed panel by panel, so that a K panel is read from L2
// once and from L1 for the tile's other rows. Softmax and P·V then run over a few rows at a time:
// their weights stay in L1 beside one plane of V.
void partial(PartialStages &s, const Tile &tile, int lanes, const Blocks &blocks) {
    Var row_block("row_block"), row("row");
    const int slots = s.format.chunk + 1;  // one more than used: rows shift by a panel in the sets
    s.out.split(s.r, row_block, row, tile.value_rows)
        .reorder(s.d, row, row_block, s.i)
        .vectorize(s.d, lanes)
        .unroll(s.d);

    s.score.compute_at(s.out, s.i).store_in(MemoryType::Stack).bound_storage(s.kj, slots);
    s.score.bound(s.ki, 0, s.format.panel_keys)
        .split(s.r, row_block, row, tile.score_rows)
        .reorder(s.ki, row, row_block, s.kj)
        .vectorize(s.ki, lanes)
        .unroll(s.ki)
        .unroll(row);
    if (tile.score_panels > 1) {
        Var panel("panel");
        s.score.split(s.kj, s.kj, panel, tile.score_panels, TailStrategy::GuardWithIf)
            .reorder(s.ki, panel, row, row_block, s.kj)
            .unroll(panel);
    }
    s.score.update(0).vectorize(s.ki, lanes).unroll(s.ki).specialize(s.softcap_off);
    s.score.update(1).vectorize(s.ki, lanes).unroll(s.ki).specialize(s.unbiased);
    s.score.update(2).reorder(s.ki, s.r, s.edge).vectorize(s.ki, lanes).unroll(s.ki);
    blocks.dots(s, row_block, tile, lanes);

    softmax(s, row_block, tile, lanes);
    attended(s, row_block, tile, lanes);
    blocks.products(s, tile, lanes);
}

void merge(MergeStages &s, const Tile &tile, int lanes) {
    Func consumer = s.state.defined() ? s.state : s.out;
    // The factors of all the tile's rows, used or not, side by side in vectors.
    for (Func f : {s.running_max, s.carry, s.weight}) {
        f.compute_root()
            .store_in(MemoryType::Stack)
            .reorder_storage(s.r, s.j)
            .bound_storage(s.j, kFoldItems + 1)
            .bound(s.r, 0, tile.rows)
            .reorder(s.r, s.j)
            .vectorize(s.r);
    }
    s.running_max.update().reorder(s.r, s.items_max).vectorize(s.r);
    for (Func f : {s.sum, s.inverse_sum})
        if (f.defined())
            f.compute_root().store_in(MemoryType::Stack).bound(s.r, 0, tile.rows).vectorize(s.r);
    s.sum.update().reorder(s.r, s.items_sum).vectorize(s.r);
    // Of all rows at once, wanted or not: row by row it takes a seventh of a row's merge.
    if (s.log_sum_exp.defined()) s.log_sum_exp.bound(s.r, 0, tile.rows).vectorize(s.r);
    const int padded = padded_features(s.value_dim, s.format);
    s.folded.compute_at(consumer, s.scatter.y)
        .store_in(MemoryType::Stack)
        .bound_storage(s.d, padded)
        .vectorize(s.d, lanes);
    s.folded.update().reorder(s.d, s.items).vectorize(s.d, lanes);
    consumer.update()
        .reorder(s.scatter.x, s.scatter.y)
        .allow_race_conditions()
        .vectorize(s.scatter.x, lanes, TailStrategy::GuardWithIf);
    if (s.one_part.defined()) consumer.update().specialize(s.one_part);
}

}  // namespace vectors

namespace {

constexpr vectors::Blocks kBlocks{vectors::dots_by_panel, vectors::products};

void partial(PartialStages &s, const Tile &tile, int lanes) {
    vectors::partial(s, tile, lanes, kBlocks);
}
void gather(GatherStages &s, const Tile &tile, int lanes) {
    vectors::gather(s, tile, lanes, kBlocks);
}

}  // namespace

const Schedule kVectorSchedule{
    vectors::queries, vectors::keys,  vectors::values,    partial,        gather,
    vectors::pairs,   vectors::merge, vectors::summarise, vectors::route, /*by_squares=*/true};

}  // namespace lacuna
