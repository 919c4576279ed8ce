// window:W: the W nearest keys; the current token counts (ONNX opset 25, 0 <= q - k < W).
//   q\k 0 1 2 3 4 5
//    4      # # #        window:3
#pragma once
#include "patterns/atom.h"

namespace lacuna {

struct Window : PlainAtom {
    static constexpr Syntax syntax{
        "window", 1, {{"W", 1}}, "|q-k| < W: the last W keys, the current one counts"};
    template <class Int>
    static auto attends(const lac_atom &a, const Pair<Int> &p) {
        return p.q - p.k < a.arg[0] && p.k - p.q < a.arg[0];
    }
    static Segment segment(const lac_atom &) { return Segment::contiguous(); }
    static KeyRanges keys(const lac_atom &a, const TileRows &rows) {
        return KeyRanges::one(rows.first - a.arg[0] + 1, rows.last + a.arg[0]);
    }
    static Retention retention(const lac_atom &a) { return {a.arg[0], 0, 0}; }
};

}  // namespace lacuna
