// --mask and --globals: the lists of a pattern's run-time atoms, from arrays in files.
#pragma once
#include <optional>
#include <string>

#include "cli/lists.h"
#include "cli/npy.h"

namespace lacuna {

// bool [queries, keys], [heads, queries, keys] or [batch, heads, queries, keys].
struct MaskFile {
    std::string path;
    BoolArray array;
    int32_t batch, heads, queries, keys;

    // Of all queries of a list, key by key.
    const uint8_t *list(int32_t sequence, int32_t head) const {
        return &array.data[(int64_t{sequence} * heads + head) * queries * keys];
    }
};

// int32 or int64 [count], the same for all sequences, or [batch, count].
struct GlobalsFile {
    std::string path;
    IntegerArray array;
    int64_t count;  // of a sequence
    int32_t batch;  // 1: one for all
};

struct ListFiles {
    std::optional<MaskFile> mask;
    std::optional<GlobalsFile> globals;
};

// Reads the files that are named ("": not given). A usage Failure when the pattern needs one that
// is not, or has no use for one that is.
ListFiles read_list_files(const lac_pattern &pattern, const std::string &mask,
                          const std::string &globals);

// The lists of this shape, checked. An index of the mask is listed when all of its pairs are true
// that a query of the row can see. Failures name the file and the place in it.
void make_lists(const ListFiles &files, const lac_pattern &pattern, const lac_shape &shape,
                Lists &lists);

}  // namespace lacuna
