// Arithmetic in f16: fmla multiplies eight halves by any lane of a vector, of eight features of Q
// or of eight weights.
#include <numeric>

#include "schedules/arm.h"

namespace lacuna::arm {

using namespace Halide;

namespace {

constexpr int kHalves = 8;  // of a vector

// Into registers, whose lanes are multiplied by one after the other.
void load_lanes(Func lanes, const Var &along, int extent, const Var &row, int rows) {
    lanes.store_in(MemoryType::Register)
        .bound_extent(along, extent)
        .bound_extent(row, rows)
        .vectorize(along, kHalves)
        .unroll(along)
        .unroll(row);
}

}  // namespace

// Sums of few features do not wait for each other: some are made at once.
void half_dots(PartialStages &s, const Var &row_block, const Tile &tile, int lanes) {
    const int chains = (s.head_dim + s.half_chain - 1) / s.half_chain;
    RVar block("block"), chain("chain");
    s.dot.compute_at(s.score, row_block).vectorize(s.ki, lanes).unroll(s.ki).unroll(s.r);
    s.dot.update()
        .split(s.features, block, chain, std::gcd(chains, tile.score_unroll))
        .reorder(s.ki, s.r, chain, block)
        .vectorize(s.ki, kHalves)
        .unroll(s.ki)
        .unroll(s.r)
        .unroll(chain);
    s.half_dot.compute_at(s.dot, chain).store_in(MemoryType::Register);
    s.half_dot.vectorize(s.ki, kHalves).unroll(s.ki).unroll(s.r);
    s.half_dot.update()
        .reorder(s.ki, s.r, s.half_features)
        .vectorize(s.ki, kHalves)
        .unroll(s.ki)
        .unroll(s.r)
        .unroll(s.half_features);
    Func query = s.half_query.in(s.half_dot);
    query.compute_at(s.dot, chain);
    load_lanes(query, s.d, s.half_chain, s.r, tile.score_rows);
    s.half_query.compute_at(s.out, s.i).store_in(MemoryType::Stack).vectorize(s.d, kHalves);
    vectors::row_units(s);
    s.lane_largest.update().unroll(s.scan, 4);
}

void half_products(PartialStages &s, const Tile &tile) {
    const int planes = vectors::planes_at_once(s, tile);
    s.product.update()
        .reorder(s.x, s.plane, s.r, s.each_key.x)
        .vectorize(s.x, kHalves)
        .unroll(s.x)
        .unroll(s.plane)
        .unroll(s.r)
        .specialize(s.finite_values);
    s.half_product.compute_at(s.product, s.each_key.x).store_in(MemoryType::Register);
    s.half_product.bound_extent(s.plane, planes)
        .vectorize(s.x, kHalves)
        .unroll(s.x)
        .unroll(s.plane)
        .unroll(s.r);
    s.half_product.update()
        .reorder(s.x, s.plane, s.r, s.half_keys)
        .vectorize(s.x, kHalves)
        .unroll(s.x)
        .unroll(s.plane)
        .unroll(s.r)
        .unroll(s.half_keys);
    Func weight = s.half_weight.in(s.half_product);
    weight.compute_at(s.product, s.each_key.x);
    load_lanes(weight, s.ki, s.format.panel_keys, s.r, tile.value_rows);
}

}  // namespace lacuna::arm
