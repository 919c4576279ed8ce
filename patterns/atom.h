// What an atom's header gives. Each atom is a struct with four static members:
//   syntax                       its name, parameters and one sentence
//   attends(a, head, q, k, n)    the definition, in any domain of domain.h
//   segment(a)                   how its keys are laid out in panels
//   keys(a, rows)                ranges of keys, ascending, that hold all the rows may need: a hint
//                                that bounds the search for panels; the plan decides by attends()
//   row_cuts(a, n)               positions where tiles end, so that dense rows share no tile with
//                                others (0: none)
//   retention(a)                 which keys a later causal query can still see
#pragma once
#include "patterns/domain.h"
#include "runtime/include/lacuna/lacuna.h"

namespace lacuna {

struct Parameter {
    const char *name;
    int32_t least;
    int32_t most = LAC_MAX_ARGUMENT;
};
struct Syntax {
    const char *name;
    int count;
    Parameter parameter[LAC_ATOM_ARGS];
    const char *keeps;
    int optional = 0;      // parameters at the end that may be left out: then they are 0
    bool by_head = false;  // attends() asks for the KV head
    bool compiles = true;  // attends() exists for Halide::Expr
};

// Keys k = residue (mod modulus) lie side by side in panels of their own. Rows of a tile are
// row_stride apart: 1, or the modulus where a row sees only its own residue class (residues =
// modulus).
struct Segment {
    int32_t modulus = 1;
    int32_t residues = 1;
    int32_t row_stride = 1;
    static Segment contiguous() { return {}; }
    static Segment own_class(int32_t modulus) { return {modulus, modulus, modulus}; }
};

struct KeyRange {
    int64_t first, end;
};
struct KeyRanges {
    static constexpr int kMost = 40;
    KeyRange range[kMost];
    int count = 0;
    static KeyRanges one(int64_t first, int64_t end) {
        KeyRanges r;
        r.add(first, end);
        return r;
    }
    void add(int64_t first, int64_t end) { range[count++] = {first, end}; }
};

struct RowCuts {
    int64_t at[2];
};

// What most atoms have in common.
struct PlainAtom {
    static RowCuts row_cuts(const lac_atom &, int64_t) { return {{0, 0}}; }
};

// The rows of a tile, from the first to the last, in a sequence of n tokens.
struct TileRows {
    int64_t first, last, n;
    int64_t head;  // KV head
};

constexpr int32_t kEverything = INT32_MAX;
// A key is kept while it is one of the last `last`, below `first`, or a multiple of `every`.
struct Retention {
    int32_t last = 0;
    int32_t first = 0;
    int32_t every = 0;
};

}  // namespace lacuna
