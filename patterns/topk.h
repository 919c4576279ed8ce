// topk:K,cap=C[,tile=T][,block=B]: the keys that a router chose at run time: all it gave when they
// are at most C, else the K best by score. lac_topk_select() makes the choice; its lists are read
// here. A row serves T queries of the tensor (1), an index is a key or a block of B keys.
#pragma once
#include "patterns/listed.h"

namespace lacuna {

struct TopK : ListedAtom<TopK> {
    static constexpr Syntax syntax{"topk",
                                   4,
                                   {{"K", 1},
                                    {"cap", 1, LAC_MAX_ARGUMENT, true},
                                    {"tile", 1, 1 << 16, true},
                                    {"block", 1, LAC_MAX_ARGUMENT, true}},
                                   "chosen at run time: at most cap keys, or the K best",
                                   3,
                                   false,
                                   false,
                                   true};
    static bool by_blocks(const lac_atom &a) { return a.arg[3] > 0; }
    static int32_t block(const lac_atom &a) { return larger(a.arg[3], 1); }
    static int32_t tile(const lac_atom &a) { return larger(a.arg[2], 1); }
    // Indices a row may hold at most, and how many are chosen when the router gave more.
    static int64_t best(const lac_atom &a) { return larger(a.arg[0] / block(a), 1); }
    static int64_t cap(const lac_atom &a) {
        return larger(best(a), static_cast<int64_t>(a.arg[1] / block(a)));
    }
    static int64_t row_of(const lac_atom &a, const Sequence &in, int64_t q) {
        return floor_div(q - in.q_start, tile(a));
    }
    static Segment segment(const lac_atom &a) {
        return by_blocks(a) ? Segment::contiguous() : Segment::listed(tile(a), best(a));
    }
    static ListShape list_shape(const lac_atom &a, int64_t queries, int64_t) {
        return {ceil_div(queries, tile(a)), block(a), false, cap(a), tile(a)};
    }
};

}  // namespace lacuna
