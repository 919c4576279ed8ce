// global:list: positions given at run time ([CLS], section headers) that see every key and are
// seen by every query (Longformer).
//   q\k 0 1 2 3 4 5
//    0    #     #
//    1  # # # # # #      bidi/global:list with the positions {1, 4}
#pragma once
#include "patterns/atom.h"

namespace lacuna {

struct GlobalList : PlainAtom {
    static constexpr Syntax syntax{
        "global:list", 0, {}, "listed at run time: rows and columns", 0, false, false, false, true};
    static bool attends(const lac_atom &, const Pair<int64_t> &p) {
        const Indices globals = p.in.globals();
        return globals.contains(p.k) || globals.contains(p.q);
    }
    static Maybe attends(const lac_atom &, const Pair<Span> &p) {
        const Indices globals = p.in.globals();
        if (p.in.global_rows == GlobalRows::kAll) return {true, false};
        const Maybe columns = globals.among(p.k.lo, p.k.hi);
        if (p.in.global_rows == GlobalRows::kNone) return columns;
        return globals.among(p.q.lo, p.q.hi) || columns;
    }
    static Bits attends(const lac_atom &, const Pair<Lanes> &p) {
        const Indices globals = p.in.globals();
        const bool row = globals.contains(p.q.lane[0]);
        Bits bits;
        for (int i = 0; i < kLanes; i++) bits.lane[i] = row || globals.contains(p.k.lane[i]);
        return bits;
    }
    template <class Int>
    static auto attends(const lac_atom &, const Pair<Int> &p) {
        return p.k < p.n;  // kernels take mask words
    }
    // The columns; rows are tiles of their own, which see the whole pattern in order.
    static Segment segment(const lac_atom &) { return Segment::listed(0); }
    static Indices list(const lac_atom &, const Sequence &in, int64_t, int64_t, const Indices &) {
        return in.globals();
    }
    static KeyRanges keys(const lac_atom &, const TileRows &rows) {
        return KeyRanges::one(0, rows.n);
    }
    static Retention retention(const lac_atom &) { return {kEverything, 0, 0}; }
};

}  // namespace lacuna
