// A pattern as a union of atoms: who attends, and which atom's segment visits a key. Overlaps are
// resolved here, from the atoms' own definitions: the first atom that keeps a pair owns it.
#pragma once
#include "patterns/atoms.h"

namespace lacuna {

enum AtomKind : uint32_t {
#define LAC_ROW(Atom) k##Atom,
    LAC_ATOMS(LAC_ROW)
#undef LAC_ROW
        kAtomKinds
};

// Calls visitor(Atom{}) with the struct of this kind.
template <class Visitor>
auto visit(uint32_t kind, Visitor visitor) {
    switch (kind) {
#define LAC_ROW(Atom) \
    case k##Atom: return visitor(Atom{});
        LAC_ATOMS(LAC_ROW)
#undef LAC_ROW
        default: return visitor(Dense{});
    }
}

inline const Syntax &syntax_of(uint32_t kind) {
    return *visit(kind, [](auto atom) { return &decltype(atom)::syntax; });
}
inline Segment segment_of(const lac_atom &a) {
    return visit(a.kind, [&](auto atom) { return atom.segment(a); });
}
inline KeyRanges keys_of(const lac_atom &a, const TileRows &rows) {
    return visit(a.kind, [&](auto atom) { return atom.keys(a, rows); });
}
inline RowCuts row_cuts_of(const lac_atom &a, int64_t n) {
    return visit(a.kind, [&](auto atom) { return atom.row_cuts(a, n); });
}
inline Retention retention_of(const lac_atom &a) {
    return visit(a.kind, [&](auto atom) { return atom.retention(a); });
}
inline Indices list_of(const lac_atom &a, const Sequence &in, int64_t head, int64_t q) {
    return visit(a.kind, [&](auto atom) { return atom.list(a, in, head, q); });
}
inline ListShape list_shape_of(const lac_atom &a, int64_t queries, int64_t keys) {
    return visit(a.kind, [&](auto atom) { return atom.list_shape(a, queries, keys); });
}

// An atom holds for all query heads, or for some of heads(...).
inline bool for_all_heads(const lac_atom &a) { return a.end_head == 0; }
template <class Int>
auto within_heads(const lac_atom &a, const Pair<Int> &p) {
    if (for_all_heads(a)) return p.k < p.n;  // as of every pair
    return p.head < a.end_head && !(p.head < a.first_head);
}
template <class Int>
auto atom_attends(const lac_atom &a, const Pair<Int> &p) {
    auto keep = visit(a.kind, [&](auto atom) { return atom.attends(a, p); });
    return for_all_heads(a) ? keep : keep && within_heads(a, p);
}

// The atoms before `end` that keep a pair, none or some of them.
template <class Int>
auto any_attends(const lac_pattern &p, uint32_t end, const Pair<Int> &pair) {
    auto any = atom_attends(p.atom[0], pair);
    for (uint32_t i = 1; i < end; i++) any = any || atom_attends(p.atom[i], pair);
    return any;
}

// Which pairs segment `owner` visits: kept by its atom, by no earlier one, inside the sequence
// and, unless the pattern is bidi, not ahead of the query. The owner kWhole has all kept pairs.
// `listed`: the keys were taken from the atom's own list for these queries.
constexpr uint32_t kWhole = LAC_MAX_ATOMS;
template <class Int>
auto owned(const lac_pattern &p, uint32_t owner, const Pair<Int> &pair, bool listed = false) {
    auto keep = pair.k < pair.n;
    if (!p.bidi) keep = keep && pair.k <= pair.q;
    if (owner == kWhole) return keep && any_attends(p, p.atom_count, pair);
    const lac_atom &atom = p.atom[owner];
    keep = keep && (listed ? within_heads(atom, pair) : atom_attends(atom, pair));
    return owner > 0 ? keep && !any_attends(p, owner, pair) : keep;
}

// The pattern's definition: may this query see this key?
inline bool attends(const lac_pattern &p, const Pair<int64_t> &pair) {
    return pair.k >= 0 && owned(p, kWhole, pair);
}

// The atom that reads rows of lists, or null.
inline const lac_atom *row_reader(const lac_pattern &p) {
    for (uint32_t i = 0; i < p.atom_count; i++)
        if (syntax_of(p.atom[i].kind).reads_rows) return &p.atom[i];
    return nullptr;
}
inline bool reads_globals(const lac_pattern &p) {
    for (uint32_t i = 0; i < p.atom_count; i++)
        if (syntax_of(p.atom[i].kind).reads_globals) return true;
    return false;
}
inline bool reads_lists(const lac_pattern &p) { return row_reader(p) || reads_globals(p); }

// Does some query head see other keys than another of its KV head?
inline bool by_query_head(const lac_pattern &p, const lac_shape &shape) {
    for (uint32_t i = 0; i < p.atom_count; i++)
        if (!for_all_heads(p.atom[i])) return true;
    return row_reader(p) && shape.lists && shape.lists->heads == shape.heads &&
           shape.heads != shape.kv_heads;
}

// Does some KV head see other keys than another?
inline bool by_head(const lac_pattern &p, const lac_shape &shape) {
    for (uint32_t i = 0; i < p.atom_count; i++)
        if (syntax_of(p.atom[i].kind).by_head) return true;
    return by_query_head(p, shape) || (row_reader(p) && shape.lists && shape.lists->heads > 1);
}

// Can the keep test be compiled into a kernel?
inline bool compiles(const lac_pattern &p) {
    for (uint32_t i = 0; i < p.atom_count; i++)
        if (!syntax_of(p.atom[i].kind).compiles || !for_all_heads(p.atom[i])) return false;
    return true;
}

// Do rows keep what they saw when the sequence grows?
inline bool is_incremental(const lac_pattern &p) {
    for (uint32_t i = 0; i < p.atom_count; i++)
        if (syntax_of(p.atom[i].kind).by_length) return false;
    return !p.bidi;
}

// Can any query at position `now` or later still see key k?
inline bool retained(const lac_pattern &p, int64_t k, int64_t now) {
    if (p.bidi) return true;
    for (uint32_t i = 0; i < p.atom_count; i++) {
        const Retention r = retention_of(p.atom[i]);
        if (r.last == kEverything || now - k < r.last || k < r.first) return true;
        if (r.every > 0 && k % r.every == 0) return true;
    }
    return false;
}

}  // namespace lacuna
