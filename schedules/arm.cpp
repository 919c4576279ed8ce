// NEON, whose multiply-add takes one factor from any lane of a vector: four features of Q, or four
// weights, are loaded at once where other targets load each for a whole vector.
#include <algorithm>
#include <numeric>

#include "schedules/arm.h"

namespace lacuna {

using namespace Halide;

namespace {

constexpr int kIndexed = 4;  // floats of a vector

// Keys or features taken at once: the most that divide all and fill vectors of four; 0: none do.
int steps(int wanted, int all) {
    wanted -= wanted % kIndexed;
    while (wanted > 0 && all % wanted != 0) wanted -= kIndexed;
    return wanted;
}

// Shorter elements are read a register at once: a load for several vectors of floats.
int read_lanes(int bits, int all, int lanes) {
    const int wide = lanes * 32 / bits;
    return all % wide == 0 ? wide : lanes;
}

// sdot: a lane adds the products of four features of its key, and of either digit of Q. A vector
// holds a digit of 16 features of a row.
void digit_dots(PartialStages &s, const Var &row_block, int score_rows, int lanes) {
    constexpr int kAccumulators = 16;
    const int groups = feature_groups(s.head_dim, s.format);
    const int unrolled = std::gcd(groups, 4);
    Var g = s.digits.args()[1];
    RVar block("block"), group("group");
    const auto unrolled_lanes = [&](Stage stage) {
        stage.vectorize(s.ki, lanes).unroll(s.ki).unroll(g).unroll(s.r);
    };
    s.dot.compute_at(s.score, row_block).vectorize(s.ki, lanes).unroll(s.ki).unroll(s.r);
    s.digit_dot.compute_at(s.score, row_block);
    s.digit_dot.bound_extent(s.r, score_rows).bound_extent(g, 2);
    unrolled_lanes(s.digit_dot);
    Stage update = s.digit_dot.update();
    update.split(s.features.y, block, group, unrolled);
    // One digit after the other where the registers hold the sums of no more.
    if (2 * score_rows * s.format.panel_keys / lanes <= kAccumulators)
        update.reorder({s.features.x, s.ki, g, s.r, group, block});
    else
        update.reorder({s.features.x, s.ki, s.r, group, block, g});
    update.atomic().vectorize(s.features.x);
    unrolled_lanes(update);
    update.unroll(group);
    Func digits = s.digits.in(s.digit_dot);
    digits.compute_at(s.digit_dot, block)
        .store_in(MemoryType::Register)
        .bound_extent(s.d, unrolled * s.format.key_group)
        .vectorize(s.d)
        .unroll(g)
        .unroll(s.r);
    s.digits.compute_at(s.out, s.i)
        .store_in(MemoryType::Stack)
        .bound_extent(g, 2)
        .unroll(g)
        .vectorize(s.d, 2 * lanes, TailStrategy::GuardWithIf);
    vectors::units(s, lanes);
}

// sdot: a lane adds the products of four keys with a feature of each, of either digit of a weight.
// A vector holds a digit of a panel's weights.
void digit_products(PartialStages &s, const Tile &tile, int lanes) {
    constexpr int kAccumulators = 16;
    const int planes = vectors::planes_at_once(s, tile), rows = tile.value_rows;
    const Var g = s.weight_digits.args()[1];
    const RVar which = s.each_group.x, group = s.each_group.y, panel = s.each_group.z;
    s.digit_product.compute_at(s.attended, s.plane)
        .bound_extent(g, 2)
        .bound_extent(s.plane, planes)
        .bound_extent(s.r, rows)
        .vectorize(s.x, lanes)
        .unroll(s.x)
        .unroll(s.plane)
        .unroll(g)
        .unroll(s.r);
    Stage update = s.digit_product.update();
    if (2 * rows * planes * s.format.plane / lanes <= kAccumulators)
        update.reorder({which, s.x, s.plane, g, s.r, group, panel}).unroll(g);
    else
        update.reorder({which, s.x, s.plane, s.r, group, panel, g});
    update.atomic().vectorize(which).vectorize(s.x, lanes).unroll(s.x).unroll(s.plane);
    update.unroll(s.r).unroll(group);
}

void read_at_once(Func elements, const Var &x, const Func &consumer, const RVar &at, int lanes) {
    if (!elements.defined()) return;
    elements.compute_at(consumer, at).store_in(MemoryType::Register).vectorize(x, lanes).unroll(x);
}

void dots(PartialStages &s, const Var &row_block, const Tile &tile, int lanes) {
    if (s.half_dot.defined()) {
        arm::half_dots(s, row_block, tile, lanes);
        return;
    }
    if (s.digits.defined()) {
        digit_dots(s, row_block, tile.score_rows, lanes);
        return;
    }
    const int unrolled = steps(tile.score_unroll, s.head_dim);
    if (s.units.defined() || unrolled == 0) {
        vectors::dots_by_panel(s, row_block, tile, lanes);
        return;
    }
    RVar block("block"), feature("feature");
    s.dot.compute_at(s.score, row_block).vectorize(s.ki, lanes).unroll(s.ki).unroll(s.r);
    s.dot.update()
        .split(s.features, block, feature, unrolled)
        .reorder(s.ki, s.r, feature, block)
        .vectorize(s.ki, lanes)
        .unroll(s.ki)
        .unroll(s.r)
        .unroll(feature);
    read_at_once(s.key, s.ki, s.dot, feature, read_lanes(s.key_bits, s.format.panel_keys, lanes));
    s.query.compute_at(s.dot, block)
        .store_in(MemoryType::Register)
        .bound_extent(s.d, unrolled)
        .bound_extent(s.r, tile.score_rows)
        .vectorize(s.d, kIndexed)
        .unroll(s.d)
        .unroll(s.r);
}

void products(PartialStages &s, const Tile &tile, int lanes) {
    if (s.half_product.defined()) {
        arm::half_products(s, tile);
        return;
    }
    if (s.digit_product.defined()) {
        digit_products(s, tile, lanes);
        return;
    }
    const int unrolled = steps(tile.value_unroll, s.format.panel_keys);
    if (unrolled == 0) {
        vectors::products(s, tile, lanes);
        return;
    }
    RVar block("block"), key("key");
    s.product.update()
        .split(s.each_key.x, block, key, unrolled)
        .reorder(s.x, s.plane, s.r, key, block, s.each_key.y)
        .vectorize(s.x, lanes)
        .unroll(s.x)
        .unroll(s.plane)
        .unroll(s.r)
        .unroll(key)
        .specialize(s.finite_values);
    read_at_once(s.value, s.x, s.product, key,
                 read_lanes(s.value_bits, vectors::part_of_plane(s, tile), lanes));
    if (s.value.defined())
        s.value.bound_extent(s.plane, vectors::planes_at_once(s, tile)).unroll(s.plane);
    Func weights = (s.scaled_weight.defined() ? s.scaled_weight : s.weight).in(s.product);
    weights.compute_at(s.product, block)
        .store_in(MemoryType::Register)
        .bound_extent(s.ki, unrolled)
        .bound_extent(s.r, tile.value_rows)
        .vectorize(s.ki, kIndexed)
        .unroll(s.ki)
        .unroll(s.r);
}

constexpr vectors::Blocks kBlocks{dots, products};

// Halide gives stack that is free again to the next who fits in. A register block that shared it
// with an array whose index is no constant would stay in memory: these arrays fit into no block's.
void keep_apart(PartialStages &s) {
    constexpr int kFloats = 512;
    for (Func f : {s.lane_max, s.lane_sum, s.lane_heaviest})
        if (f.defined()) f.bound_storage(s.l, kFloats / s.format.lanes);
    for (Func f : {s.row_max, s.row_sum, s.heaviest})
        if (f.defined()) f.bound_storage(s.r, kFloats);
}

// Widening V of 8 bits takes four registers for its tables: with the sums of four planes they do
// not fit, which costs 7 % of a step's instructions. The dot products of digits and of halves know
// whole planes alone, of fewer rows.
Tile fitting(const PartialStages &s, Tile tile) {
    if (s.digit_product.defined() || s.half_product.defined()) {
        while (tile.value_rows % tile.plane_parts != 0) tile.plane_parts--;
        tile.value_rows /= tile.plane_parts;
        tile.plane_parts = 1;
    }
    if (s.value_bits == 8) tile.value_planes = std::min(tile.value_planes, 2);
    return tile;
}

void partial(PartialStages &s, const Tile &tile, int lanes) {
    vectors::partial(s, fitting(s, tile), lanes, kBlocks);
    keep_apart(s);
}
void gather(GatherStages &s, const Tile &tile, int lanes) {
    vectors::gather(s, fitting(s, tile), lanes, kBlocks);
    keep_apart(s);
}

// As vectors::queries, four vectors at a time.
void queries(PackQueriesStages &s, const Tile &tile, int lanes) {
    const int at_once = 4 * lanes;
    if (s.head_dim % at_once != 0) {
        vectors::queries(s, tile, lanes);
        return;
    }
    Var part("part"), place("place");
    s.packed.compute_root()
        .split(s.d, part, place, at_once)
        .reorder(place, s.r, part)
        .vectorize(place, lanes)
        .unroll(place);
    s.factor.compute_at(s.packed, part).vectorize(s.d, lanes).unroll(s.d);
    s.magnitude.compute_root().vectorize(s.d, lanes);
    RVar block("block"), feature("feature");
    s.magnitude.update()
        .allow_race_conditions()
        .split(s.scan.x, block, feature, at_once)
        .reorder(feature, s.scan.y, block)
        .vectorize(feature, lanes)
        .unroll(feature);
    RVar fold("fold"), part_of("part_of");
    s.largest.compute_root().store_in(MemoryType::Stack);
    s.largest.update().split(s.fold, fold, part_of, at_once).atomic().vectorize(part_of);
}
void keys(PackKeysStages &s, const Tile &tile, int lanes) {
    vectors::keys(s, tile, read_lanes(s.packed.type().bits(), s.panel_keys, lanes));
}
void values(PackValuesStages &s, const Tile &tile, int lanes) {
    vectors::values(s, tile, read_lanes(s.packed.type().bits(), s.format.plane, lanes));
}

// As vectors::merge, four vectors at a time.
void merge(MergeStages &s, const Tile &tile, int lanes) {
    const int at_once = 4 * lanes;
    vectors::merge(s, tile, s.value_dim % at_once == 0 ? at_once : lanes);
}

}  // namespace

const Schedule kArmSchedule{queries,        keys,
                            values,         partial,
                            gather,         vectors::pairs,
                            merge,          vectors::summarise,
                            vectors::route, /*by_squares=*/true};

}  // namespace lacuna
