// Choosing the best entries of one row, in time linear in its entries.
#pragma once
#include "runtime/include/lacuna/lacuna.h"

namespace lacuna {

// A set of numbers below `extent`: a bit each, and a bit of summary for 64 of them, so that it is
// read in ascending order, and emptied, in O(members + extent / 4096).
class IndexSet {
public:
    static int64_t words(int64_t extent) { return (extent + 63) / 64; }

    // The caller's zeroed memory: words(extent) and words(words(extent)) of it.
    IndexSet(uint64_t *bits, uint64_t *summary, int64_t extent)
        : bits_(bits), summary_(summary), summary_words_(words(words(extent))) {}
    // False when it is there already.
    bool insert(int32_t index);
    void erase(int32_t index) { bits_[index / 64] &= ~(uint64_t{1} << index % 64); }
    // Writes the members in ascending order, leaves the set empty, and returns how many they are.
    int64_t take_all(int32_t *members);

private:
    uint64_t *bits_, *summary_;
    int64_t summary_words_;
};

struct CandidateRow {
    const int32_t *indices;
    const float *scores;
    int64_t count;
};

struct RowLimits {
    int64_t best, most;  // of a row with more than `most` entries the `best` are chosen
    int64_t extent;      // indices lie below it
    int64_t ahead;       // indices from here on lie ahead of every query
};

struct RowResult {
    lac_status status;
    int64_t count;  // chosen; or, with a bad status, the entry that is wrong
};

// Writes the chosen indices in ascending order: at most limits.most of them. `set` is empty before;
// after an error it holds anything.
RowResult select_row(const CandidateRow &row, const RowLimits &limits, IndexSet &set,
                     int32_t *chosen);

}  // namespace lacuna
