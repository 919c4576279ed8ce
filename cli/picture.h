// Pictures of a mask: queries go down, keys go right, a kept pair is dark.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "runtime/include/lacuna/lacuna.h"

namespace lacuna {

struct Mask {
    int64_t queries, keys;
    std::function<bool(int64_t head, int64_t query, int64_t key)> keeps;  // all counted from 0
    int64_t head = 0;                                                     // the one drawn
};

// The first sequence of a shape. Its arrays, and the lists', are read as long as the mask is.
Mask mask_of(const lac_pattern &pattern, const lac_shape &shape, int64_t head = 0);

// How many pairs of each cell × cell square of a mask are kept; the last row and column of
// squares may be cut off.
struct Density {
    int64_t queries, keys, cell, rows, columns;
    std::vector<int64_t> kept;  // [rows, columns]
    int64_t pairs() const;
    int64_t area(int64_t row, int64_t column) const;
};
Density density_of(const Mask &mask, int64_t cell);

// Half blocks, so that a line is two rows of squares; a square kept in part is shaded. In ASCII a
// line is one row: '#' all kept, '+' some, '.' none.
std::string text_picture(const Density &density, bool ascii);

// A grayscale PNG: a pixel per pair, or some whole number of them while the picture is small, or
// shades of gray when a side is longer than 4,096. Masks of the same size stand one below the
// other, with a thin gap of a gray that no pair has.
std::string png_picture(const std::vector<Mask> &masks);

}  // namespace lacuna
