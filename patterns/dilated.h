// dilated:W,D: W keys, D apart. Runs as a window of W over the residue classes mod D, so that no
// key between the kept ones is ever loaded.
//   q\k 0 1 2 3 4 5
//    5    #   #   #      dilated:3,2
#pragma once
#include "patterns/atom.h"

namespace lacuna {

struct Dilated : PlainAtom {
    static constexpr Syntax syntax{
        "dilated", 2, {{"W", 1}, {"D", 1}}, "D divides q-k and |q-k| < W*D: W keys, D apart"};
    // Positions stay below LAC_MAX_TOKENS, so a wider reach is no different from this one.
    static constexpr int64_t reach(const lac_atom &a) {
        return smaller<int64_t>(static_cast<int64_t>(a.arg[0]) * a.arg[1], LAC_MAX_TOKENS);
    }
    template <class Int>
    static auto attends(const lac_atom &a, const Pair<Int> &p) {
        const auto limit = static_cast<int32_t>(reach(a));
        return divides(a.arg[1], p.q - p.k) && p.q - p.k < limit && p.k - p.q < limit;
    }
    static Segment segment(const lac_atom &a) { return Segment::own_class(a.arg[1]); }
    static KeyRanges keys(const lac_atom &a, const TileRows &rows) {
        return KeyRanges::one(rows.first - reach(a) + 1, rows.last + reach(a));
    }
    static Retention retention(const lac_atom &a) { return {static_cast<int32_t>(reach(a)), 0, 0}; }
};

}  // namespace lacuna
