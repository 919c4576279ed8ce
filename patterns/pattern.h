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
template <class Int>
auto atom_attends(const lac_atom &a, const Int &head, const Int &q, const Int &k, const Int &n) {
    return visit(a.kind, [&](auto atom) { return atom.attends(a, head, q, k, n); });
}

// Which pairs segment `owner` visits: kept by its atom, by no earlier one, inside the sequence
// and, unless the pattern is bidi, not ahead of the query.
template <class Int>
auto owned(const lac_pattern &p, uint32_t owner, const Int &head, const Int &q, const Int &k,
           const Int &n) {
    auto keep = atom_attends(p.atom[owner], head, q, k, n) && k < n;
    if (!p.bidi) keep = keep && k <= q;
    for (uint32_t i = 0; i < owner; i++) keep = keep && !atom_attends(p.atom[i], head, q, k, n);
    return keep;
}

// The pattern's definition: may query q of a KV head see key k of n?
inline bool attends(const lac_pattern &p, int64_t head, int64_t q, int64_t k, int64_t n) {
    if (k < 0 || k >= n || (!p.bidi && k > q)) return false;
    for (uint32_t i = 0; i < p.atom_count; i++)
        if (atom_attends<int64_t>(p.atom[i], head, q, k, n)) return true;
    return false;
}

// Does some KV head see other keys than another?
inline bool by_head(const lac_pattern &p) {
    for (uint32_t i = 0; i < p.atom_count; i++)
        if (syntax_of(p.atom[i].kind).by_head) return true;
    return false;
}

// Can the keep test be compiled into a kernel?
inline bool compiles(const lac_pattern &p) {
    for (uint32_t i = 0; i < p.atom_count; i++)
        if (!syntax_of(p.atom[i].kind).compiles) return false;
    return true;
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
