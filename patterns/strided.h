// strided:S: keys a multiple of S away from the query (Sparse Transformer, Child et al. 2019).
//   q\k 0 1 2 3 4 5
//    5    #   #   #      strided:2
#pragma once
#include "patterns/atom.h"

namespace lacuna {

struct Strided : PlainAtom {
    static constexpr Syntax syntax{"strided", 1, {{"S", 1}}, "S divides q-k: the relative stride"};
    template <class Int>
    static auto attends(const lac_atom &a, const Pair<Int> &p) {
        return divides(a.arg[0], p.q - p.k);
    }
    static Segment segment(const lac_atom &a) { return Segment::own_class(a.arg[0]); }
    static KeyRanges keys(const lac_atom &, const TileRows &rows) {
        return KeyRanges::one(0, rows.n);
    }
    static Retention retention(const lac_atom &) { return {kEverything, 0, 0}; }
};

}  // namespace lacuna
