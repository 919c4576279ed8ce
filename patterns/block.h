// block:B: keys in the query's own block of B tokens.
//   q\k 0 1 2 3 4 5
//    3      # #          block:2
#pragma once
#include "patterns/atom.h"

namespace lacuna {

struct Block : PlainAtom {
    static constexpr Syntax syntax{"block", 1, {{"B", 1}}, "q and k lie in the same block of B"};
    template <class Int>
    static auto attends(const lac_atom &a, const Pair<Int> &p) {
        return block_of(p.q, a.arg[0]) == block_of(p.k, a.arg[0]);
    }
    static Segment segment(const lac_atom &) { return Segment::contiguous(); }
    static KeyRanges keys(const lac_atom &a, const TileRows &rows) {
        return KeyRanges::one(floor_div(rows.first, a.arg[0]) * a.arg[0],
                              (floor_div(rows.last, a.arg[0]) + 1) * a.arg[0]);
    }
    static Retention retention(const lac_atom &a) { return {a.arg[0], 0, 0}; }
};

}  // namespace lacuna
