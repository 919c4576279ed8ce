// What an atom's header gives. Each atom is a struct with five static members:
//   syntax                       its name, parameters and one sentence
//   attends(a, pair)             the definition, in any domain of domain.h
//   segment(a)                   how its keys are laid out in panels
//   keys(a, rows)                ranges of keys, ascending, that hold all the rows may need: a hint
//                                that bounds the search for panels; the plan decides by attends()
//   retention(a)                 which keys a later causal query can still see
// Atoms that read lists of the caller's are described in listed.h.
#pragma once
#include "patterns/sequence.h"

namespace lacuna {

struct Parameter {
    const char *name;
    int32_t least;
    int32_t most = LAC_MAX_ARGUMENT;
    bool named = false;  // written name=value, and left out when 0
};
struct Syntax {
    const char *name;
    int count;
    Parameter parameter[LAC_ATOM_ARGS];
    const char *keeps;
    int optional = 0;            // parameters at the end that may be left out: then they are 0
    bool by_head = false;        // attends() asks for the KV head
    bool compiles = true;        // attends() exists for Halide::Expr
    bool reads_rows = false;     // of lac_lists; one such atom a pattern
    bool reads_globals = false;  // of lac_lists
    bool by_length = false;      // attends() of a causal pair asks for n
};

// Where a segment's keys are read from.
enum class Source : int32_t {
    kPanels,  // packed panels
    kList,    // the caller's rows of K and V, key by key as a list says that rows of a tile share
    kPairs    // the same for lists of a row or two each, as (row, key) pairs
};

// Keys k = residue (mod modulus) lie side by side in panels of their own. Rows of a tile are
// row_stride apart: 1, or the modulus where a row sees only its own residue class (residues =
// modulus). A list serves list_tokens queries, counted from the tensor's first; 0: all.
struct Segment {
    int32_t modulus = 1;
    int32_t residues = 1;
    int32_t row_stride = 1;
    Source source = Source::kPanels;
    int32_t list_tokens = 0;
    int64_t list_keys = 0;  // of a list, as a rule; 0: any number
    // Do both visit the same panels for the same rows?
    bool same_panels(const Segment &s) const {
        return source == Source::kPanels && s.source == source && s.modulus == modulus &&
               s.row_stride == row_stride;
    }
    static Segment contiguous() { return {}; }
    static Segment own_class(int32_t modulus) { return {modulus, modulus, modulus}; }
    static Segment listed(int32_t tokens, int64_t keys = 0) {
        return {1, 1, 1, Source::kList, tokens, keys};
    }
};

// What lac_lists must hold for an atom: rows of each list, keys of an index, whether the rows are
// pairs, and for topk how many indices a row may hold and how many queries it serves.
struct ListShape {
    int64_t rows = 0;
    int64_t block = 1;
    bool pairs = false;
    int64_t most = INT64_MAX;
    int64_t chosen_for = 0;
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
    // Adds a range in its place and joins those that overlap; with no room left, one covers all.
    // Ranges that only touch stay apart: the blocks of an atom are decided one by one.
    void join(KeyRange added) {
        if (count == kMost) {
            added = {smaller(added.first, range[0].first), larger(added.end, range[count - 1].end)};
            count = 0;
        }
        int place = count++;
        for (; place > 0 && range[place - 1].first > added.first; place--)
            range[place] = range[place - 1];
        range[place] = added;
        int last = larger(place - 1, 0);
        for (int i = last + 1; i < count; i++) {
            if (range[i].first < range[last].end)
                range[last].end = larger(range[last].end, range[i].end);
            else
                range[++last] = range[i];
        }
        count = last + 1;
    }
};

// What most atoms have in common.
struct PlainAtom {
    static Indices list(const lac_atom &, const Sequence &, int64_t, int64_t, const Indices &) {
        return {};
    }
    static ListShape list_shape(const lac_atom &, int64_t, int64_t) { return {}; }
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
