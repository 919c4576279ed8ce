// mask:csr: the keys listed at run time for each query, as the rows of a sparse matrix.
#pragma once
#include "patterns/listed.h"

namespace lacuna {

struct MaskCsr : ListedAtom<MaskCsr> {
    static constexpr Syntax syntax{
        "mask:csr", 0, {}, "listed at run time: keys of each query", 0, false, false, true};
    static Segment segment(const lac_atom &) { return Segment::listed(1, kUsualKeys); }
    static ListShape list_shape(const lac_atom &, int64_t queries, int64_t) { return {queries, 1}; }
};

}  // namespace lacuna
