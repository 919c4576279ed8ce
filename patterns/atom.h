// What an atom's header gives. Each atom is a struct with four static members:
//   syntax                       its name, parameters and one sentence
//   attends(a, head, q, k, n)    the definition, in any domain of domain.h
//   segment(a)                   how its keys are laid out in panels
//   keys(a, first, last, n)      the keys that rows first…last may need: a hint that bounds the
//                                search for panels; the plan decides by attends() alone
//   retention(a)                 which keys a later causal query can still see
#pragma once
#include "patterns/domain.h"
#include "runtime/include/lacuna/lacuna.h"

namespace lacuna {

struct Parameter {
    const char *name;
    int32_t least;
};
struct Syntax {
    const char *name;
    int count;
    Parameter parameter[LAC_ATOM_ARGS];
    const char *keeps;
};

// Keys k = residue (mod modulus) lie side by side in panels of their own. Rows of a tile are
// row_stride apart: 1, or the modulus where a row sees only its own residue class (residues =
// modulus). Rows below row_cut get tiles of their own.
struct Segment {
    int32_t modulus = 1;
    int32_t residues = 1;
    int32_t row_stride = 1;
    int32_t row_cut = 0;
    static Segment contiguous() { return {}; }
    static Segment own_class(int32_t modulus) { return {modulus, modulus, modulus, 0}; }
};

struct KeyRange {
    int64_t first, end;
};

constexpr int32_t kEverything = INT32_MAX;
// A key is kept while it is one of the last `last`, below `first`, or a multiple of `every`.
struct Retention {
    int32_t last = 0;
    int32_t first = 0;
    int32_t every = 0;
};

}  // namespace lacuna
