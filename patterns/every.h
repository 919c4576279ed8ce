// every:S: the keys at absolute multiples of S, for every query; strided + local attention is
// window:128+every:64.
//   q\k 0 1 2 3 4 5
//    5  #   #   #        every:2
#pragma once
#include "patterns/atom.h"

namespace lacuna {

struct Every : PlainAtom {
    static constexpr Syntax syntax{"every", 1, {{"S", 1}}, "k mod S = 0: the global columns"};
    template <class Int>
    static auto attends(const lac_atom &a, const Pair<Int> &p) {
        return divides(a.arg[0], p.k);
    }
    static Segment segment(const lac_atom &a) { return {a.arg[0], 1, 1}; }
    static KeyRanges keys(const lac_atom &, const TileRows &rows) {
        return KeyRanges::one(0, rows.n);
    }
    static Retention retention(const lac_atom &a) { return {0, 0, a.arg[0]}; }
};

}  // namespace lacuna
