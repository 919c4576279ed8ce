// global:N: the first N tokens see every key and are seen by every query (Longformer).
//   q\k 0 1 2 3 4 5
//    0  # # # # # #      bidi/global:1
//    1  #
#pragma once
#include "patterns/atom.h"

namespace lacuna {

struct Global : PlainAtom {
    static constexpr Syntax syntax{"global", 1, {{"N", 1}}, "k < N or q < N: rows and columns"};
    template <class Int>
    static auto attends(const lac_atom &a, const Pair<Int> &p) {
        return p.k < a.arg[0] || p.q < a.arg[0];
    }
    static Segment segment(const lac_atom &) { return Segment::contiguous(); }
    static KeyRanges keys(const lac_atom &a, const TileRows &rows) {
        return KeyRanges::one(0, rows.first < a.arg[0] ? rows.n : a.arg[0]);
    }
    static Retention retention(const lac_atom &a) { return {0, a.arg[0], 0}; }
};

}  // namespace lacuna
