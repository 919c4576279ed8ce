// mask:blocks,B: blocks of B keys listed at run time for each block of B queries.
//   blocks     0 1 2 3
//   row 2      # . # .        mask:blocks,B with the row {0, 2}
#pragma once
#include "patterns/listed.h"

namespace lacuna {

struct MaskBlocks : ListedAtom<MaskBlocks> {
    static constexpr Syntax syntax{
        "mask:blocks", 1,     {{"B", 1}}, "listed at run time: key blocks of each query block", 0,
        false,         false, true};
    static int32_t block(const lac_atom &a) { return a.arg[0]; }
    static int64_t row_of(const lac_atom &a, const Sequence &, int64_t q) { return q / a.arg[0]; }
    static Segment segment(const lac_atom &) { return Segment::contiguous(); }
    static ListShape list_shape(const lac_atom &a, int64_t, int64_t keys) {
        return {ceil_div(keys, a.arg[0]), a.arg[0]};
    }
};

}  // namespace lacuna
