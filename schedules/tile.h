// The numbers a schedule is parameterised by.
#pragma once
#include <cstdint>

namespace lacuna {

// What beside panels takes the time of so many of their (row, key) pairs. It says up to which
// position rows run in dense order; of lists none do where all are 0.
struct Costs {
    int tile_pairs;  // of a tile, beside its panels
    int list_pairs;  // of a key of a list, beside its rows
    int pair_cost;   // of a key of a list that is read as pairs
};

// Constants of the packed data, fixed for (types, tier): the summation order and every size in
// the runtime hang on them, so they are never tuned.
struct Format {
    int panel_keys;  // keys side by side in a panel
    int chunk;       // panels an item may hold; items end at absolute multiples of it
    int plane;       // features side by side in a V plane
    int lanes;       // partial maxima and sums a row keeps; divides panel_keys
    Costs costs;
    int key_group = 2;    // of K of 8 bits: features side by side, and multiplied by Q in 16 bits;
                          // 4: in two digits of 8
    int value_group = 2;  // of V of 8 bits: keys side by side, multiplied by weights likewise; 1:
                          // widened, and multiplied by weights in f32
};

// K of 8 bits is packed in groups of features.
constexpr int feature_groups(int head_dim, const Format &f) {
    return (head_dim + f.key_group - 1) / f.key_group;
}

// Row of a partial result: planes, then max, sum and padding to a cache line.
constexpr int kStats = 16;
constexpr int padded_features(int value_dim, const Format &f) {
    return (value_dim + f.plane - 1) / f.plane * f.plane;
}
constexpr int partial_row(int value_dim, const Format &f) {
    return padded_features(value_dim, f) + (f.lanes > kStats ? f.lanes : kStats);
}

// Partial results that one fold or merge call takes at most.
constexpr int kFoldItems = 8;

// Pairs that one call takes at most; of one row the runtime gives it a quarter of them.
constexpr int kPairsMost = 512;

// What may be tuned: any Tile gives the same results.
struct Tile {
    int rows;              // query rows of a tile
    int score_rows;        // rows of the register block of Q·K
    int value_rows;        // rows of the register block of P·V; divides rows
    int score_unroll;      // features per iteration of Q·K
    int value_unroll;      // keys per iteration of P·V
    int value_planes;      // planes of the register block of P·V, at most
    int score_panels = 1;  // panels of the register block of Q·K
    bool streams = false;  // P·V panel by panel: V is read once, in few streams
    int plane_parts = 1;   // of P·V, one after the other; more than one: value_planes is 1
};

// A tile's scores are at most 16 KiB, which Halide puts on the stack.
constexpr int most_rows(const Format &f) { return 4096 / (f.panel_keys * (f.chunk + 1)); }

// Of stages and schedules: what was tuned for another says nothing. To be raised with every change
// that moves the time of kernels.
constexpr int kAlgorithmVersion = 4;

}  // namespace lacuna
