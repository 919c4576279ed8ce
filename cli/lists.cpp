#include "cli/lists.h"

namespace lacuna {

void Lists::set_globals(std::vector<int32_t> positions, std::vector<int32_t> starts) {
    globals_ = std::move(positions);
    global_starts_ = std::move(starts);
    // With starts, an array is never null, even when nothing is listed.
    globals_.reserve(1);
    lists_.size = sizeof lists_;
    lists_.global_count = static_cast<int32_t>(globals_.size());
}

void Lists::begin_rows(int32_t batch, int32_t heads, int32_t rows) {
    lists_.size = sizeof lists_;
    lists_.batch = batch;
    lists_.heads = heads;
    lists_.rows = rows;
    starts_ = {0};
    indices_.clear();
    queries_.clear();
}

void Lists::add_pair(int64_t query, int64_t key) {
    queries_.push_back(static_cast<int32_t>(query));
    add(key);
}

void Lists::copy_rows(const lac_lists &other) {
    begin_rows(other.batch, other.heads, other.rows);
    starts_.assign(other.starts,
                   other.starts + int64_t{other.batch} * other.heads * other.rows + 1);
    indices_.assign(other.indices, other.indices + other.index_count);
}

lac_status Lists::check(const lac_pattern &pattern, const lac_shape &shape, lac_list_error &error) {
    if (!get()) return LAC_OK;
    lists_.globals = globals_.data();
    lists_.global_starts = global_starts_.empty() ? nullptr : global_starts_.data();
    lists_.index_count = static_cast<int64_t>(indices_.size());
    lists_.starts = starts_.empty() ? nullptr : starts_.data();
    lists_.indices = indices_.data();
    lists_.queries = queries_.empty() ? nullptr : queries_.data();
    return lac_lists_check(&pattern, &shape, &lists_, &error);
}

}  // namespace lacuna
