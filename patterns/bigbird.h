// bigbird:B,w,r,g[,seed]: blocks of B tokens. A query sees the w blocks around its own, r random
// blocks and g global ones; tokens of global blocks see everything (Zaheer et al. 2020, ITC).
//   blocks     0 1 2 3 4 5 6 7
//   row 4      g . . w w w r g       bidi/bigbird:B,3,1,2
//
// Global are the first ⌈g/2⌉ and the last ⌊g/2⌋ blocks. The random blocks of a row are a pure
// function of (seed, KV head, block row, number of blocks), the same on every machine, and repeat
// neither window nor global blocks; a causal pattern keeps those that are not ahead.
#pragma once
#include "patterns/atom.h"

namespace lacuna {

struct BigBird : PlainAtom {
    static constexpr int kMaxRandom = 32;
    static constexpr uint64_t kStep = 0x9e3779b97f4a7c15u;
    static constexpr Syntax syntax{
        "bigbird",
        5,
        {{"B", 1}, {"w", 1}, {"r", 0, kMaxRandom}, {"g", 0}, {"seed", 0}},
        "blocks of B: w around the query's, r random, g global",
        1,
        true,
        false,
        false,
        false,
        true};
    static int64_t reach(const lac_atom &a) { return (a.arg[1] - 1) / 2; }
    static int64_t first_globals(const lac_atom &a) { return (a.arg[3] + 1) / 2; }
    static int64_t last_globals(const lac_atom &a) { return a.arg[3] / 2; }
    static int64_t blocks(const lac_atom &a, int64_t n) { return ceil_div(n, a.arg[0]); }

    static bool is_global(const lac_atom &a, int64_t block, int64_t count) {
        return block < first_globals(a) || block >= count - last_globals(a);
    }
    static bool is_near(const lac_atom &a, int64_t row, int64_t block) {
        return row - block <= reach(a) && block - row <= reach(a);
    }

    // splitmix64's finaliser: every bit of the input moves every bit of the output.
    static uint64_t mix(uint64_t x) {
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
        x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
        return x ^ (x >> 31);
    }

    // Blocks that a row may draw: neither near nor global.
    static int64_t free_blocks(const lac_atom &a, int64_t row, int64_t count) {
        const int64_t begin = first_globals(a), end = count - last_globals(a);
        const int64_t near_begin = larger(row - reach(a), begin);
        const int64_t near_end = smaller(row + reach(a) + 1, end);
        return larger<int64_t>(end - begin, 0) - larger<int64_t>(near_end - near_begin, 0);
    }

    // The first block from b on, around the end, that may be drawn and is not in the list.
    static int64_t next_free(const lac_atom &a, int64_t row, int64_t count, int64_t b,
                             const int64_t *drawn, int draws) {
        const int64_t begin = first_globals(a), end = count - last_globals(a);
        for (;;) {
            if (b < begin || b >= end)
                b = begin;
            else if (is_near(a, row, b))
                b = row + reach(a) + 1;
            else if (contains(drawn, draws, b))
                b++;
            else
                return b;
        }
    }

    // The random blocks of a row, ascending; returns how many. A draw that is taken already, near
    // or global moves on to the next block that is none of these.
    static int draw(const lac_atom &a, int64_t head, int64_t row, int64_t count, int64_t *drawn) {
        const auto wanted =
            static_cast<int>(smaller<int64_t>(a.arg[2], free_blocks(a, row, count)));
        uint64_t state = mix(static_cast<uint64_t>(a.arg[4]) + kStep);
        state = mix(state ^ static_cast<uint64_t>(head));
        state = mix(state ^ static_cast<uint64_t>(row));
        state = mix(state ^ static_cast<uint64_t>(count));
        for (int n = 0; n < wanted; n++) {
            state = mix(state + kStep);
            const auto start = static_cast<int64_t>(state % static_cast<uint64_t>(count));
            const int64_t b = next_free(a, row, count, start, drawn, n);
            int place = n;
            for (; place > 0 && drawn[place - 1] > b; place--) drawn[place] = drawn[place - 1];
            drawn[place] = b;
        }
        return wanted;
    }
    static bool contains(const int64_t *drawn, int count, int64_t block) {
        for (int i = 0; i < count; i++)
            if (drawn[i] == block) return true;
        return false;
    }

    // Of blocks, for one row and one key block.
    static bool keeps(const lac_atom &a, int64_t head, int64_t row, int64_t block, int64_t count) {
        if (is_global(a, row, count) || is_global(a, block, count) || is_near(a, row, block))
            return true;
        int64_t drawn[kMaxRandom];
        return contains(drawn, draw(a, head, row, count, drawn), block);
    }
    static bool attends(const lac_atom &a, const Pair<int64_t> &p) {
        return keeps(a, p.head / p.in.group_heads, p.q / a.arg[0], p.k / a.arg[0], blocks(a, p.n));
    }
    static Maybe attends(const lac_atom &a, const Pair<Span> &p) {
        const Span row = block_of(p.q, a.arg[0]), block = block_of(p.k, a.arg[0]);
        const Span head = block_of(p.head, p.in.group_heads);
        if (!row.single() || !block.single() || !head.single()) return {true, true};
        const bool kept = keeps(a, head.lo, row.lo, block.lo, blocks(a, p.n.lo));
        return {kept, !kept};
    }
    static Bits attends(const lac_atom &a, const Pair<Lanes> &p) {
        const int64_t head = p.head.lane[0] / p.in.group_heads;
        const int64_t row = p.q.lane[0] / a.arg[0], count = blocks(a, p.n.lane[0]);
        Bits bits;
        int64_t asked = -1;
        bool kept = false;
        for (int i = 0; i < kLanes; i++) {
            const int64_t block = p.k.lane[i] / a.arg[0];
            if (block != asked) kept = keeps(a, head, row, block, count);
            asked = block;
            bits.lane[i] = kept;
        }
        return bits;
    }
    // Kernels take this atom as mask words; see Syntax::compiles.
    template <class Int>
    static auto attends(const lac_atom &, const Pair<Int> &p) {
        return p.k < p.n;
    }

    static Segment segment(const lac_atom &) { return Segment::contiguous(); }

    static KeyRanges keys(const lac_atom &a, const TileRows &rows) {
        const int64_t size = a.arg[0], count = blocks(a, rows.n);
        const int64_t first = rows.first / size, last = rows.last / size;
        bool dense = (last - first + 1) * (a.arg[2] + 1) + 2 > KeyRanges::kMost;
        for (int64_t row = first; row <= last && !dense; row++) dense = is_global(a, row, count);
        if (dense) return KeyRanges::one(0, rows.n);
        // Runs of blocks that some row sees, found by walking the candidates in order.
        int64_t drawn[KeyRanges::kMost];
        int draws = 0;
        for (int64_t row = first; row <= last; row++)
            draws += draw(a, rows.head, row, count, drawn + draws);
        KeyRanges ranges;
        int64_t at = first_globals(a);
        if (at > 0) ranges.add(0, at * size);
        for (;;) {
            int64_t next = at <= last + reach(a) ? larger(at, first - reach(a)) : count;
            for (int i = 0; i < draws; i++)
                if (drawn[i] >= at) next = smaller(next, drawn[i]);
            if (next >= count - last_globals(a)) break;
            ranges.add(next * size, (next + 1) * size);
            at = next + 1;
            if (ranges.count + 1 == KeyRanges::kMost) return KeyRanges::one(0, rows.n);
        }
        if (last_globals(a) > 0) ranges.add(larger(at, count - last_globals(a)) * size, rows.n);
        return ranges;
    }

    // A later block row may draw any block.
    static Retention retention(const lac_atom &) { return {kEverything, 0, 0}; }
};

}  // namespace lacuna
