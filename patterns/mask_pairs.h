// mask:pairs: (query, key) pairs listed flat at run time, ascending.
#pragma once
#include "patterns/listed.h"

namespace lacuna {

struct MaskPairs : ListedAtom<MaskPairs> {
    static constexpr Syntax syntax{
        "mask:pairs", 0, {}, "listed at run time: (query, key) pairs", 0, false, false, true};
    static Indices list(const lac_atom &a, const Sequence &in, int64_t head, int64_t q,
                        const Indices &before) {
        return in.paired(head, row_of(a, in, q), before);
    }
    static Segment segment(const lac_atom &) { return Segment::listed(1, kUsualKeys); }
    static ListShape list_shape(const lac_atom &, int64_t, int64_t) { return {1, 1, true}; }
};

}  // namespace lacuna
