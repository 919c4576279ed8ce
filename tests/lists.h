// Random lists for the run-time atoms of a pattern, checked as a caller would check them.
#pragma once
#include <algorithm>
#include <random>
#include <vector>

#include "lacuna/lacuna.hpp"
#include "patterns/pattern.h"
#include "runtime/lists.h"

namespace lacuna {

class RandomLists {
public:
    // heads: 1, the KV heads or the query heads. Rows are empty, dense or anything between.
    RandomLists(const lac_pattern &pattern, const lac_shape &shape, int32_t heads, unsigned seed,
                bool own_sequences = false)
        : shape_(shape), random_(seed) {
        lists_ = {};
        lists_.size = sizeof lists_;
        if (reads_globals(pattern)) add_globals(own_sequences);
        if (const lac_atom *reader = row_reader(pattern))
            add_rows(pattern, *reader, heads, own_sequences ? shape.batch : 1);
        lac_list_error error{};
        lac::check(lac_lists_check(&pattern, &shape, &lists_, &error));
    }
    RandomLists(const RandomLists &) = delete;
    RandomLists &operator=(const RandomLists &) = delete;
    const lac_lists *get() const { return &lists_; }

    std::vector<int32_t> globals, global_starts, indices, queries;
    std::vector<int64_t> starts;

private:
    int64_t below(int64_t n) { return static_cast<int64_t>(random_() % static_cast<uint64_t>(n)); }

    // Some of 0…limit-1, ascending.
    void add_some(int64_t limit, int64_t most, std::vector<int32_t> &out) {
        const int64_t sizes[] = {0, 1, 3, limit / 4, limit / 2, limit};
        const int64_t wanted = std::min({sizes[below(6)], limit, most});
        std::vector<int32_t> all(static_cast<size_t>(limit));
        for (size_t i = 0; i < all.size(); i++) all[i] = static_cast<int32_t>(i);
        std::shuffle(all.begin(), all.end(), random_);
        std::sort(all.begin(), all.begin() + wanted);
        out.insert(out.end(), all.begin(), all.begin() + wanted);
    }

    // What every sequence of the batch contains, or sequence b.
    int64_t keys_of(bool own, int32_t b) const {
        int32_t least = keys_in(shape_, b);
        for (int32_t i = 0; !own && i < shape_.batch; i++)
            least = std::min(least, keys_in(shape_, i));
        return least;
    }

    void add_globals(bool own) {
        global_starts.push_back(0);
        for (int32_t b = 0; b < (own ? shape_.batch : 1); b++) {
            add_some(keys_of(own, b), 20, globals);
            global_starts.push_back(static_cast<int32_t>(globals.size()));
        }
        globals.push_back(0);  // an array is never null, even when nothing is listed
        lists_.globals = globals.data();
        lists_.global_count = global_starts.back();
        lists_.global_starts = own ? global_starts.data() : nullptr;
    }

    void add_rows(const lac_pattern &pattern, const lac_atom &reader, int32_t heads,
                  int32_t batch) {
        const ListShape want = list_shape_of(reader, shape_.q_tokens, shape_.k_tokens);
        lists_.batch = batch;
        lists_.heads = heads;
        lists_.rows = static_cast<int32_t>(want.rows);
        starts.push_back(0);
        for (int32_t b = 0; b < batch; b++) {
            for (int64_t i = 0; i < heads * want.rows; i++) {
                const int64_t r = i % want.rows;
                want.pairs ? add_pairs(batch > 1, b) : add_row(pattern, want, batch > 1, b, r);
                starts.push_back(static_cast<int64_t>(indices.size()));
            }
        }
        lists_.index_count = static_cast<int64_t>(indices.size());
        indices.push_back(0);
        queries.push_back(0);
        lists_.starts = starts.data();
        lists_.indices = indices.data();
        lists_.queries = queries.data();
    }

    void add_row(const lac_pattern &pattern, const ListShape &want, bool own, int32_t b,
                 int64_t r) {
        int64_t limit = keys_of(own, b);
        for (int32_t i = 0; want.chosen_for && !pattern.bidi && i < shape_.batch; i++) {
            if (own && i != b) continue;
            const int64_t last =
                std::min<int64_t>((r + 1) * want.chosen_for, queries_in(shape_, i));
            limit = std::min(limit, sequence_of(shape_, nullptr, i).q_start + last);
        }
        add_some(ceil_div(std::max<int64_t>(limit, 0), want.block), want.most, indices);
    }

    void add_pairs(bool own, int32_t b) {
        int32_t rows = queries_in(shape_, b);
        for (int32_t i = 0; !own && i < shape_.batch; i++)
            rows = std::min(rows, queries_in(shape_, i));
        for (int32_t q = 0; q < rows; q++) {
            if (below(4) == 0) continue;
            add_some(keys_of(own, b), INT64_MAX, indices);
            queries.resize(indices.size(), q);
        }
    }

    lac_shape shape_;
    std::mt19937_64 random_;
    lac_lists lists_;
};

}  // namespace lacuna
