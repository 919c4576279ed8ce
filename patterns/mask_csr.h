// mask:csr: the keys listed at run time for each query, as the rows of a sparse matrix.
#pragma once
#include "patterns/listed.h"

namespace lacuna {

struct MaskCsr : ListedAtom<MaskCsr> {
    static constexpr Syntax syntax{
        "mask:csr", 0, {}, "listed at run time: keys of each query", 0, false, false, true};
    static int32_t block(const lac_atom &) { return 1; }
    static int64_t row_of(const lac_atom &, const Sequence &in, int64_t q) {
        return q - in.q_start;
    }
    static Indices list(const lac_atom &a, const Sequence &in, int64_t head, int64_t q) {
        return in.row(head, row_of(a, in, q));
    }
    static Segment segment(const lac_atom &) { return Segment::listed(1); }
    static ListShape list_shape(const lac_atom &, int64_t queries, int64_t) { return {queries, 1}; }
};

}  // namespace lacuna
