// fixed8: attention in integers throughout. Every value below is a whole number and every sum is
// exact, so a target can add in any order and vectorise as it likes: all give the same bits.
//
//   score   i8 · i8, summed in 32 bits
//   weight  u8, 255 · 2^(-t/32) from a table; t is the distance to the item's maximum
//   part    Σ weight · V and Σ weight in 32 bits, and a reference: the maximum in 1/8192 octaves
//   fold    parts brought to one reference by factors of 15 bits, left to right
//   out     16 bits, with 7 of fraction, in units of V's scale
#pragma once
#include "Halide.h"
#include "schedules/tile.h"

namespace lacuna {

// One format and one tile for every target: a row's items, and so its folds, hang on the format.
constexpr Format kFixed8Format{32, 8, 32, 32, {}, 2, 1};
constexpr Tile kFixed8Tile{8, 8, 8, 1, 1, 1}, kFixed8Few{4, 4, 4, 1, 1, 1};

constexpr int kMaskedScore = -(1 << 30), kScoreFloor = -(1 << 29);
constexpr int kReferenceFloor = -(1 << 30);  // of a row that keeps no key
// 131,040 octaves: scores past it count as equal. Folds add some.
constexpr int kReferenceMost = (1 << 30) - (1 << 18);
constexpr int kOctaveBits = 13;  // of a reference: 1/8192 octave

// A row's multiplier, a word of runtime/fixed8.h: score distance -> table index.
struct RowScale {
    explicit RowScale(const Halide::Expr &word);
    Halide::Expr index(const Halide::Expr &distance) const;   // 0 … 255
    Halide::Expr reference(const Halide::Expr &score) const;  // in 1/8192 octaves
    Halide::Expr multiplier, shift, before;
};

// (a · c) / 2^15 to nearest, 0 <= c <= 2^15, without 64 bits.
Halide::Expr scaled_q15(const Halide::Expr &a, const Halide::Expr &c);
// 2^(-x / 8192) in 1/32768, x >= 0.
Halide::Expr power_q15(const Halide::Expr &x);
// x / 2^bits to nearest.
Halide::Expr rounded_shift(const Halide::Expr &x, const Halide::Expr &bits);
// Natural log of sum/255 · 2^(reference/8192), in 1/8192.
Halide::Expr natural_log(const Halide::Expr &reference, const Halide::Expr &sum);
// 2^46 / (a sum normalised to 31 bits), in (2^14, 2^15].
Halide::Expr inverse_q14(const Halide::Expr &normalised);
// Weights by distance in steps; the last is that of all distances beyond: nothing.
Halide::Buffer<uint8_t> weight_table();

constexpr int fixed8_features(int value_dim) { return padded_features(value_dim, kFixed8Format); }

struct Fixed8Partial {
    Halide::Func gain, dot, score, lane_max, row_max, reference, weight, lane_sum, row_sum, product,
        attended, out;
    Halide::Var ki{"ki"}, kj{"kj"}, r{"r"}, i{"i"}, l{"l"}, x{"x"}, d{"d"};
    Halide::RDom features, edge, slots, lanes, sum_slots, sum_lanes, keys, all;
    int value_dim = 0, rows = 0;
};

struct Fixed8Merge {
    Halide::Func reference, carry, weight, sums, folded, inverse, result, log_sum_exp;
    Halide::Var d{"d"}, r{"r"}, j{"j"};
    Halide::RDom items, scatter;
    Halide::Expr one_part;  // merge: nothing to fold
    int value_dim = 0;
};

// How they run, with so many 32-bit lanes in a vector: schedules/hvx.cpp.
void schedule_fixed8(Fixed8Partial &s, int lanes);
void schedule_fixed8(Fixed8Merge &s, int lanes);

}  // namespace lacuna
