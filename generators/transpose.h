// Rows to columns, a square of elements at a time, without leaving the registers.
#pragma once
#include <functional>
#include <vector>

#include "Halide.h"
#include "schedules/tile.h"

namespace lacuna {

// log2(side) perfect shuffles turn a square (Stone, Parallel Processing with the Perfect Shuffle,
// 1971): each interleaves the first half of the square's vectors with the second. AVX-512: 64
// permutations for 16 by 16, where LLVM chains 200 for a loop over rows.
struct Transposition {
    int side = 0;  // 0: there is none
    // (parity, lane, pair, key square, feature square, rest…): 2 · (lane + side · pair) + parity is
    // the place in the square.
    std::vector<Halide::Func> shuffles;
    Halide::Var parity{"parity"}, lane{"lane"}, pair{"pair"};
    Halide::Var keys{"keys"}, features{"features"};
};

// The side of the squares that cover a panel of elements of `bits`; 0: better by rows.
int square_side(int bits, int features, const Format &f);

// What has element row(d, ki) at (ki, d), and depends on `rest`; row(d, ki) itself where t has no
// side.
Halide::Expr transpose(
    Transposition &t, const Halide::Var &ki, const Halide::Var &d,
    const std::vector<Halide::Var> &rest,
    const std::function<Halide::Expr(const Halide::Expr &d, const Halide::Expr &ki)> &row);

}  // namespace lacuna
