// The keep test in its two forms. Both say the same of every pair, bit for bit (keep_test.cpp).
#pragma once
#include <functional>

#include "Halide.h"
#include "patterns/pattern.h"

namespace lacuna {

// True when the key in lane ki of an item's edge panel counts for row r. Arguments: lane, row,
// index of the edge panel in the item's list, its slot, item.
using KeepTest = std::function<Halide::Expr(const Halide::Var &ki, const Halide::Var &r,
                                            const Halide::Expr &edge, const Halide::Expr &slot,
                                            const Halide::Var &item)>;

// words(row, edge, item): bit ki is set when the key counts.
KeepTest keep_by_words(const Halide::Func &words);

// The position of the key in a lane of an item's slot.
using KeyPosition = std::function<Halide::Expr(const Halide::Expr &ki, const Halide::Expr &slot,
                                               const Halide::Expr &item)>;

// The pattern's own attends(), inlined. positions(row, item): q of each row; `atoms` are those of
// the panels' owner.
KeepTest keep_by_pattern(const lac_pattern &pattern, const Halide::Func &positions,
                         const KeyPosition &key_position, const Halide::Expr &atoms,
                         const Halide::Expr &tokens);

}  // namespace lacuna
