// What the atoms share whose keys are rows of indices that the caller lists at run time. Such an
// atom gives, beside its syntax, segment and list_shape, what differs from these:
//   block(a)               keys of one index (1; the size of key blocks)
//   row_of(a, in, q)       the row of the query at position q (a row for each query)
//   list(a, in, head, q, before)  that row, ascending; before: another row, likely the one above
#pragma once
#include "patterns/atom.h"

namespace lacuna {

template <class Atom>
struct ListedAtom : PlainAtom {
    // Of dynamic masks, 64 … 512 of 4,096 keys; early rows have fewer.
    static constexpr int64_t kUsualKeys = 64;
    static int32_t block(const lac_atom &) { return 1; }
    static int64_t row_of(const lac_atom &, const Sequence &in, int64_t q) {
        return q - in.q_start;
    }
    static Indices list(const lac_atom &a, const Sequence &in, int64_t head, int64_t q,
                        const Indices &) {
        return in.row(head, Atom::row_of(a, in, q));
    }
    static bool attends(const lac_atom &a, const Pair<int64_t> &p) {
        return Atom::list(a, p.in, p.head, p.q, {}).contains(p.k / Atom::block(a));
    }
    // Row by row where few lists are concerned; many hardly ever agree.
    static Maybe attends(const lac_atom &a, const Pair<Span> &p) {
        constexpr int kMostLists = 24;
        const Span keys = block_of(p.k, Atom::block(a));
        Maybe truth{false, false};
        int lists = 0;
        for (int64_t head = p.head.lo; head <= p.head.hi; head++) {
            if (head > p.head.lo && same_list(p.in, head, head - 1)) continue;
            for (int64_t q = p.q.lo; q <= p.q.hi;) {
                if (lists++ == kMostLists) return {true, true};
                const Maybe row = Atom::list(a, p.in, head, q, {}).among(keys.lo, keys.hi);
                truth = {truth.can_hold || row.can_hold, truth.can_fail || row.can_fail};
                const int64_t row_now = Atom::row_of(a, p.in, q);
                if (row_now == Atom::row_of(a, p.in, p.q.hi)) break;
                do q += larger<int64_t>(p.q.stride(), 1);
                while (q <= p.q.hi && Atom::row_of(a, p.in, q) == row_now);
            }
        }
        return truth;
    }
    // Lanes belong to one query, and their keys ascend.
    static Bits attends(const lac_atom &a, const Pair<Lanes> &p) {
        const Indices row = Atom::list(a, p.in, p.head.lane[0], p.q.lane[0], {});
        const int32_t block = Atom::block(a);
        Bits bits;
        int64_t at = row.place_of(p.k.lane[0] / block);
        for (int i = 0; i < kLanes; i++) {
            const int32_t index = p.k.lane[i] / block;
            while (at < row.count && row.first[at] < index) at++;
            bits.lane[i] = at < row.count && row.first[at] == index;
        }
        return bits;
    }
    template <class Int>
    static auto attends(const lac_atom &, const Pair<Int> &p) {
        return p.k < p.n;  // kernels take mask words
    }
    static KeyRanges keys(const lac_atom &, const TileRows &rows) {
        return KeyRanges::one(0, rows.n);
    }
    // A later query may list any key.
    static Retention retention(const lac_atom &) { return {kEverything, 0, 0}; }

private:
    static bool same_list(const Sequence &in, int64_t a, int64_t b) {
        return !in.lists || in.list_of(a) == in.list_of(b);
    }
};

}  // namespace lacuna
