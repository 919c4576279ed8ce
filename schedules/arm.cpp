// NEON, whose multiply-add takes one factor from any lane of a vector: four features of Q, or four
// weights, are loaded at once where other targets load each for a whole vector.
#include "schedules/vectors.h"

namespace lacuna {

using namespace Halide;

namespace {

constexpr int kIndexed = 4;  // floats of a vector

// Keys or features taken at once: vectors of four need a multiple of it.
int steps(int wanted, int all) {
    while (all % wanted != 0) wanted--;
    return wanted;
}

void dots(PartialStages &s, const Var &row_block, const Tile &tile, int lanes) {
    const int unrolled = steps(tile.score_unroll, s.head_dim);
    if (s.units.defined() || unrolled % kIndexed != 0) {
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
    s.query.compute_at(s.dot, block)
        .store_in(MemoryType::Register)
        .bound_extent(s.d, unrolled)
        .bound_extent(s.r, tile.score_rows)
        .vectorize(s.d, kIndexed)
        .unroll(s.d)
        .unroll(s.r);
}

void products(PartialStages &s, const Tile &tile, int lanes) {
    const int unrolled = steps(tile.value_unroll, s.format.panel_keys);
    if (unrolled % kIndexed != 0) {
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

void partial(PartialStages &s, const Tile &tile, int lanes) {
    vectors::partial(s, tile, lanes, kBlocks);
}
void gather(GatherStages &s, const Tile &tile, int lanes) {
    vectors::gather(s, tile, lanes, kBlocks);
}

}  // namespace

const Schedule kArmSchedule{vectors::queries, vectors::keys,  vectors::values, partial,
                            gather,           vectors::pairs, vectors::merge,  vectors::summarise,
                            vectors::route};

}  // namespace lacuna
