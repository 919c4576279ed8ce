// Lists for the run-time atoms of a pattern, and the arrays that lac_lists points to.
#pragma once
#include <cstdint>
#include <vector>

#include "runtime/include/lacuna/lacuna.h"

namespace lacuna {

class Lists {
public:
    Lists() = default;
    Lists(const Lists &) = delete;  // get() is an address
    Lists &operator=(const Lists &) = delete;

    // Ascending positions: the same in all sequences, or those between a sequence's two starts.
    void set_globals(std::vector<int32_t> positions, std::vector<int32_t> starts = {});

    // batch * heads lists of so many rows follow, row by row: entries, then end_row().
    void begin_rows(int32_t batch, int32_t heads, int32_t rows);
    void add(int64_t index) { indices_.push_back(static_cast<int32_t>(index)); }
    void add_pair(int64_t query, int64_t key);  // mask:pairs
    void end_row() { starts_.push_back(static_cast<int64_t>(indices_.size())); }

    // The rows of other lists instead, but for those of mask:pairs.
    void copy_rows(const lac_lists &other);

    // lac_lists_check; plans take the lists after it, until something is added.
    lac_status check(const lac_pattern &pattern, const lac_shape &shape, lac_list_error &error);

    // Null when nothing was listed, as for a pattern that reads no lists.
    const lac_lists *get() const { return lists_.size > 0 ? &lists_ : nullptr; }
    int64_t entries() const { return static_cast<int64_t>(indices_.size() + globals_.size()); }

private:
    lac_lists lists_{};
    std::vector<int32_t> globals_, global_starts_, indices_, queries_;
    std::vector<int64_t> starts_;
};

}  // namespace lacuna
