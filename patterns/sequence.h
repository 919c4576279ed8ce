// What an atom's attends() may ask for: a pair of positions, and the sequence they lie in.
#pragma once
#include "patterns/domain.h"
#include "runtime/include/lacuna/lacuna.h"

namespace lacuna {

// Ascending indices that the caller listed: keys, or blocks of keys.
struct Indices {
    const int32_t *first = nullptr;
    int64_t count = 0;

    // The place of the first index that is >= x.
    int64_t place_of(int64_t x) const {
        int64_t low = 0, high = count;
        while (low < high) {
            const int64_t middle = low + (high - low) / 2;
            if (first[middle] < x)
                low = middle + 1;
            else
                high = middle;
        }
        return low;
    }
    bool is_place(int64_t at, int64_t x) const {
        return at >= 0 && at <= count && (at == 0 || first[at - 1] < x) &&
               (at == count || first[at] >= x);
    }
    bool contains(int64_t x) const {
        const int64_t place = place_of(x);
        return place < count && first[place] == x;
    }
    // About the integers lo…hi: is one of them listed, is one of them not?
    Maybe among(int64_t lo, int64_t hi) const {
        const int64_t listed = place_of(hi + 1) - place_of(lo);
        return {listed > 0, listed < hi - lo + 1};
    }
};

// Rows of a tile, when the caller's global positions are known to be all of them or none.
enum class GlobalRows { kUnknown, kNone, kAll };

constexpr int64_t kMostDrafted = 64;  // bits of an entry

// One sequence of a batch.
struct Sequence {
    const lac_lists *lists = nullptr;
    int64_t index = 0;        // in the batch
    int64_t q_start = 0;      // position of the tensor's first query
    int64_t heads = 1;        // query heads
    int64_t group_heads = 1;  // query heads of a KV head
    GlobalRows global_rows = GlobalRows::kUnknown;
    const uint64_t *tree = nullptr;  // of lac_shape, from this sequence's first query on

    // May query q see key k, for all that the tree of drafted tokens says?
    bool in_tree(int64_t q, int64_t k) const {
        if (k < q_start) return true;
        const int64_t row = q - q_start, place = k - q_start;
        return place < kMostDrafted && row >= 0 && row < kMostDrafted && (tree[row] >> place & 1);
    }

    Indices globals() const {
        if (!lists || !lists->globals) return {};
        if (!lists->global_starts) return {lists->globals, lists->global_count};
        const int32_t begin = lists->global_starts[index];
        return {lists->globals + begin, lists->global_starts[index + 1] - begin};
    }
    // Which of the caller's lists serves a query head.
    int64_t list_of(int64_t head) const {
        const int64_t b = lists->batch == 1 ? 0 : index;
        if (lists->heads == 1) return b;
        return b * lists->heads + (lists->heads == heads ? head : head / group_heads);
    }
    Indices row(int64_t head, int64_t r) const {
        if (!lists || !lists->starts || r < 0 || r >= lists->rows) return {};
        const int64_t *start = lists->starts + list_of(head) * lists->rows + r;
        return {lists->indices + start[0], start[1] - start[0]};
    }
    // mask:pairs: the keys paired with query r of the tensor. They are looked for first behind
    // those of `before`: a walk over rows in order searches the list once.
    Indices paired(int64_t head, int64_t r, const Indices &before) const {
        const Indices keys = row(head, 0);
        if (keys.count == 0 || !lists->queries) return {};
        const Indices queries{lists->queries + (keys.first - lists->indices), keys.count};
        int64_t begin = before.first ? before.first + before.count - keys.first : -1;
        if (!queries.is_place(begin, r)) begin = queries.place_of(r);
        int64_t reach = 16;  // rows are short beside the list
        while (begin + reach < keys.count && queries.first[begin + reach] <= r) reach *= 2;
        const Indices near{queries.first + begin, smaller(reach, keys.count - begin)};
        return {keys.first + begin, near.place_of(r + 1)};
    }
};

// Query head, position of query and key, and keys of the sequence, in a domain of domain.h.
template <class Int>
struct Pair {
    Int head, q, k, n;
    const Sequence &in;
};

// The tree's part in whether a pair attends. Kernels with a pattern compiled in take no tree.
inline bool in_tree(const Pair<int64_t> &p) { return p.in.in_tree(p.q, p.k); }
inline Maybe in_tree(const Pair<Span> &p) {
    if (p.k.hi < p.in.q_start) return {true, false};
    if (!p.q.single() || !p.k.single()) return {true, true};
    const bool holds = p.in.in_tree(p.q.lo, p.k.lo);
    return {holds, !holds};
}
inline Bits in_tree(const Pair<Lanes> &p) {
    Bits bits;
    for (int i = 0; i < kLanes; i++) bits.lane[i] = p.in.in_tree(p.q.lane[i], p.k.lane[i]);
    return bits;
}
template <class Int>
auto in_tree(const Pair<Int> &p) {
    return p.k < p.n;
}

}  // namespace lacuna
