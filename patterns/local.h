// local:L,R: L keys before the query and R after it. Longformer's attention_window = 2L is
// bidi/local:L,L (Beltagy et al. 2020).
//   q\k 0 1 2 3 4 5
//    3    # # # #        bidi/local:2,1
#pragma once
#include "patterns/atom.h"

namespace lacuna {

struct Local : PlainAtom {
    static constexpr Syntax syntax{
        "local", 2, {{"L", 0}, {"R", 0}}, "-R <= q-k <= L: L keys back, R ahead (bidi)"};
    template <class Int>
    static auto attends(const lac_atom &a, const Pair<Int> &p) {
        return p.q - p.k < a.arg[0] + 1 && p.k - p.q < a.arg[1] + 1;
    }
    static Segment segment(const lac_atom &) { return Segment::contiguous(); }
    static KeyRanges keys(const lac_atom &a, const TileRows &rows) {
        return KeyRanges::one(rows.first - a.arg[0], rows.last + a.arg[1] + 1);
    }
    static Retention retention(const lac_atom &a) { return {a.arg[0] + 1, 0, 0}; }
};

}  // namespace lacuna
