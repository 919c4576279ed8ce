#include "bench/random_lists.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "patterns/pattern.h"
#include "runtime/include/lacuna/lacuna.hpp"
#include "runtime/lists.h"

namespace lacuna {

namespace {

class Rows {
public:
    Rows(const ListRecipe &wanted, const lac_pattern &pattern, const lac_shape &shape)
        : wanted_(wanted),
          pattern_(pattern),
          atom_(*row_reader(pattern)),
          shape_(shape),
          want_(list_shape_of(atom_, shape.q_tokens, shape.k_tokens)),
          start_(sequence_of(shape, nullptr, 0).q_start) {}

    void add_to(Lists &lists) {
        lists.begin_rows(1, wanted_.heads, static_cast<int32_t>(want_.rows));
        for (int32_t h = 0; h < wanted_.heads; h++) {
            if (want_.pairs) {
                for (int64_t q = 0; q < shape_.q_tokens; q++)
                    add_row(q, start_ + q, [&](int64_t key) { lists.add_pair(q, key); });
                lists.end_row();
                continue;
            }
            for (int64_t row = 0; row < want_.rows; row++) {
                add_row(row, last_position(row), [&](int64_t index) { lists.add(index); });
                lists.end_row();
            }
        }
    }

private:
    // Of the queries that share a row; below 0 where it has none.
    int64_t last_position(int64_t row) const {
        const int64_t end = start_ + shape_.q_tokens;
        if (atom_.kind == kMaskBlocks) {
            const int64_t last = std::min((row + 1) * want_.block, end) - 1;
            return last < start_ || row * want_.block >= end ? -1 : last;
        }
        const int64_t tile = std::max<int64_t>(want_.chosen_for, 1);
        return std::min(start_ + (row + 1) * tile, end) - 1;
    }

    template <class Add>
    void add_row(int64_t row, int64_t position, Add add) {
        const int64_t keys = pattern_.bidi && position >= 0
                                 ? shape_.k_tokens
                                 : std::min<int64_t>(position + 1, shape_.k_tokens);
        const int64_t limit = ceil_div(keys, want_.block);
        if (limit == 0) return;
        const int64_t run =
            wanted_.clustered ? std::max<int64_t>(kClusterKeys / want_.block, 1) : 1;
        int64_t left = count(row, limit);
        // The last run takes the rest as well, so that any choice has enough.
        const int64_t runs = std::max<int64_t>(limit / run, 1);
        choose(runs, ceil_div(left, run), [&](int64_t chosen) {
            const int64_t end = chosen + 1 == runs ? limit : (chosen + 1) * run;
            for (int64_t i = chosen * run; i < end; i++)
                if (left-- > 0) add(i);
        });
    }

    int64_t count(int64_t row, int64_t limit) const {
        if (want_.chosen_for > 0) {
            const bool more = wanted_.overshoot > 0 && row % kOvershootRows == 0;
            return std::min(more ? wanted_.overshoot : TopK::best(atom_), limit);
        }
        const double share = wanted_.density.value_or(1) * static_cast<double>(limit);
        return std::clamp<int64_t>(std::llround(share), 1, limit);
    }

    // `wanted` of 0 … limit-1, in order, each set of them as likely as any other.
    template <class Add>
    void choose(int64_t limit, int64_t wanted, Add add) {
        for (int64_t i = 0; i < limit && wanted > 0; i++) {
            const uint64_t draw = uint64_t{random_()} * static_cast<uint64_t>(limit - i) >> 32;
            if (draw >= static_cast<uint64_t>(wanted)) continue;
            wanted--;
            add(i);
        }
    }

    const ListRecipe &wanted_;
    const lac_pattern &pattern_;
    const lac_atom &atom_;
    const lac_shape &shape_;
    const ListShape want_;
    const int64_t start_;
    std::mt19937 random_{1};
};

}  // namespace

void spread_globals(int32_t count, const lac_pattern &pattern, const lac_shape &shape,
                    Lists &lists) {
    if (!reads_globals(pattern)) return;
    std::vector<int32_t> positions;
    for (int64_t i = 0; i < count; i++)
        positions.push_back(static_cast<int32_t>(i * shape.k_tokens / count));
    lists.set_globals(std::move(positions));
}

void make_random_lists(const ListRecipe &wanted, const lac_pattern &pattern, const lac_shape &shape,
                       Lists &lists) {
    spread_globals(wanted.globals, pattern, shape, lists);
    if (row_reader(pattern)) Rows(wanted, pattern, shape).add_to(lists);
    lac_list_error error{};
    lac::check(lists.check(pattern, shape, error));
}

}  // namespace lacuna
