// sink:N: the first N keys (StreamingLLM, Xiao et al. 2023). Not the learned sink logit.
//   q\k 0 1 2 3 4 5
//    5  # #              sink:2
#pragma once
#include "patterns/atom.h"

namespace lacuna {

struct Sink : PlainAtom {
    static constexpr Syntax syntax{"sink", 1, {{"N", 1}}, "k < N: the first keys"};
    template <class Int>
    static auto attends(const lac_atom &a, const Pair<Int> &p) {
        return p.k < a.arg[0];
    }
    static Segment segment(const lac_atom &) { return Segment::contiguous(); }
    static KeyRanges keys(const lac_atom &a, const TileRows &) {
        return KeyRanges::one(0, a.arg[0]);
    }
    static Retention retention(const lac_atom &a) { return {0, a.arg[0], 0}; }
};

}  // namespace lacuna
