// dense: every key. The baseline that every other pattern is measured against.
//   q\k 0 1 2 3 4 5
//    3  # # # #          (causal: k <= q is the union's business, not the atom's)
#pragma once
#include "patterns/atom.h"

namespace lacuna {

struct Dense : PlainAtom {
    static constexpr Syntax syntax{"dense", 0, {}, "every key"};
    template <class Int>
    static auto attends(const lac_atom &, const Pair<Int> &p) {
        return p.k < p.n;
    }
    static Segment segment(const lac_atom &) { return Segment::contiguous(); }
    static KeyRanges keys(const lac_atom &, const TileRows &rows) {
        return KeyRanges::one(0, rows.n);
    }
    static Retention retention(const lac_atom &) { return {kEverything, 0, 0}; }
};

}  // namespace lacuna
