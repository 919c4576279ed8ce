// route: blocks of K in short, and how well they suit some query rows (Quest, Tang et al. 2024).
#pragma once
#include "generators/stages.h"

namespace lacuna {

// Query rows that share a register block. Their factors, 2·head_dim·rows floats, stay within the
// 16 KiB that Halide puts on the stack. More than 8 would be idle when a row of a list is one query
// of a small group.
constexpr int route_rows(const Tile &tile, int head_dim) {
    constexpr int kStackFloats = 4096, kMost = 8;
    const int fit = kStackFloats / (2 * head_dim), most = fit < kMost ? fit : kMost;
    return most < tile.score_rows ? most : tile.score_rows;
}

// high(b, d) and low(b, d): each feature's maximum and minimum over the `keys` rows
// source(d, key, b) of a block, as f32; or, with `mean`, high is the mean and low is not asked for.
SummariseStages summarise(const Halide::Func &source, const Halide::Expr &keys,
                          const Halide::Expr &mean, int head_dim);

struct RouteInputs {
    Halide::Func queries;  // (d, head, token), as f32
    Halide::Expr heads, tokens;
    Halide::Func high, low;  // (block, d)
    Halide::Expr mean;
    Halide::Expr has_earlier;
    Halide::Func earlier;  // (block)
};

// out(b) = max over all rows, and earlier(b), of sum over d of max(q·high(b, d), q·low(b, d)),
// which is at least the score of any key of the block; with `mean`, of sum over d of q·high(b, d).
RouteStages route(const RouteInputs &in, int rows, int head_dim);

}  // namespace lacuna
