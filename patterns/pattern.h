// A pattern as a union of atoms: who attends, and which segment visits a key. Overlaps are resolved
// here, from the atoms' own definitions: the first segment with an atom that keeps a pair owns it.
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
inline Retention retention_of(const lac_atom &a) {
    return visit(a.kind, [&](auto atom) { return atom.retention(a); });
}
inline Indices list_of(const lac_atom &a, const Sequence &in, int64_t head, int64_t q,
                       const Indices &before = {}) {
    return visit(a.kind, [&](auto atom) { return atom.list(a, in, head, q, before); });
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

// Atoms of a pattern, a bit each.
using AtomSet = uint32_t;
constexpr AtomSet only(uint32_t atom) { return AtomSet{1} << atom; }
inline uint32_t first_of(AtomSet atoms) { return static_cast<uint32_t>(__builtin_ctz(atoms)); }

// Does some atom of the set keep the pair?
template <class Int>
auto any_attends(const lac_pattern &p, AtomSet atoms, const Pair<Int> &pair) {
    const uint32_t first = first_of(atoms);
    auto any = atom_attends(p.atom[first], pair);
    for (uint32_t i = first + 1; i < p.atom_count; i++)
        if (atoms & only(i)) any = any || atom_attends(p.atom[i], pair);
    return any;
}

// What a segment visits: the pairs that an atom of its own keeps and no atom of an earlier segment.
struct Owner {
    AtomSet atoms, earlier;
};
constexpr Owner kWhole{~AtomSet{0}, 0};  // all kept pairs

// Does an atom list its keys one by one?
inline bool lists_single_keys(const lac_pattern &p) {
    for (uint32_t a = 0; a < p.atom_count; a++)
        if (segment_of(p.atom[a]).source != Source::kPanels) return true;
    return false;
}

// The owners that share a pattern among them. Atoms whose keys lie in the same panels for the same
// rows are one owner: no panel is visited for each of them.
struct Owners {
    Owner owner[LAC_MAX_ATOMS];
    int count = 0;
};
inline Owners owners_of(const lac_pattern &p) {
    Owners all;
    AtomSet taken = 0;
    for (uint32_t a = 0; a < p.atom_count; a++) {
        if (taken & only(a)) continue;
        const Segment s = segment_of(p.atom[a]);
        AtomSet atoms = only(a);
        for (uint32_t b = a + 1; b < p.atom_count; b++)
            if (s.same_panels(segment_of(p.atom[b]))) atoms |= only(b);
        all.owner[all.count++] = {atoms, taken};
        taken |= atoms;
    }
    return all;
}

// Which pairs an owner visits: its own, inside the sequence and, unless the pattern is bidi, not
// ahead of the query. `listed`: the keys were taken from its one atom's list for these queries.
template <class Int>
auto owned(const lac_pattern &p, const Owner &owner, const Pair<Int> &pair, bool listed = false) {
    auto keep = pair.k < pair.n;
    if (!p.bidi) keep = keep && pair.k <= pair.q;
    keep = keep && (listed ? within_heads(p.atom[first_of(owner.atoms)], pair)
                           : any_attends(p, owner.atoms, pair));
    if (pair.in.tree) keep = keep && in_tree(pair);
    return owner.earlier ? keep && !any_attends(p, owner.earlier, pair) : keep;
}

// Where the keys lie that atoms of the set may keep: within the sequence, ascending.
inline KeyRanges keys_of(const lac_pattern &p, AtomSet atoms, const TileRows &rows) {
    KeyRanges all;
    for (uint32_t a = 0; a < p.atom_count; a++) {
        if (!(atoms & only(a))) continue;
        const KeyRanges keys = keys_of(p.atom[a], rows);
        for (int i = 0; i < keys.count; i++) {
            const auto first = larger<int64_t>(keys.range[i].first, 0);
            const int64_t end = smaller(keys.range[i].end, rows.n);
            if (first < end) all.join({first, end});
        }
    }
    return all;
}

// Columns every:S beside atoms of which a row sees few keys (`near`, some more where they lie
// apart): a short sequence is faster in the order of keys. None, and every is 0, where a row sees
// many, or where other atoms than columns lie in no order of keys.
struct Columns {
    int64_t every = 0, near = 0;
};
inline Columns columns_of(const lac_pattern &p) {
    constexpr int64_t kFar = int64_t{1} << 20, kApart = 16, kFew = 128;
    Columns columns;
    AtomSet others = 0;
    for (uint32_t a = 0; a < p.atom_count; a++) {
        const Segment s = segment_of(p.atom[a]);
        const Retention r = retention_of(p.atom[a]);
        if (s.source != Source::kPanels || s.row_stride > 1 || r.last == kEverything) return {};
        columns.every = larger<int64_t>(columns.every, r.every);
        if (r.every == 0) others |= only(a);
    }
    const KeyRanges seen = keys_of(p, others, {kFar, kFar, p.bidi ? 2 * kFar : kFar + 1, 0});
    columns.near = (seen.count - 1) * kApart;
    for (int i = 0; i < seen.count; i++) columns.near += seen.range[i].end - seen.range[i].first;
    return columns.every > 1 && seen.count > 0 && columns.near <= kFew ? columns : Columns{};
}

// May rows of the pattern run in the order of keys, instead of atom by atom?
inline bool has_dense_order(const lac_pattern &p) {
    for (uint32_t i = 0; i < p.atom_count; i++)
        if (segment_of(p.atom[i]).row_stride > 1) return true;
    return columns_of(p).every > 0;
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
