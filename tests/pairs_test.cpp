// Flat (row, key) lists, called as the runtime calls them, against float64.
#include <limits>

#include "tests/listed.h"

namespace lacuna {
namespace {

// A list in memory of its own, flush against a guard page.
class List {
public:
    List(const std::vector<int32_t> &x, Flush flush)
        : count_(static_cast<int32_t>(x.size())), memory_(x.size() * sizeof(int32_t), flush) {
        std::copy(x.begin(), x.end(), static_cast<int32_t *>(memory_.data()));
    }
    View<1> view() const { return {static_cast<int32_t *>(memory_.data()), Dim{count_, 1}}; }

private:
    int32_t count_;
    Guarded memory_;
};

class FlatPairs : public ListedKeys {
protected:
    static constexpr int kTokens = 300;

    // So many pairs of random rows and keys; empty_row gets none.
    void choose(int count, int rows, int empty_row, unsigned seed) {
        std::mt19937 random(seed);
        row_of_.clear();
        token_of_.clear();
        for (int i = 0; i < count; i++) {
            const int r = int(random() % unsigned(rows));
            row_of_.push_back(r == empty_row ? (r + 1) % rows : r);
            token_of_.push_back(int(random() % kTokens));
        }
        std::sort(row_of_.begin(), row_of_.end());
    }
    std::vector<int32_t> keys_of(int r) const {
        std::vector<int32_t> keys;
        for (size_t i = 0; i < row_of_.size(); i++)
            if (row_of_[i] == r) keys.push_back(token_of_[i]);
        return keys;
    }
    std::vector<float> run(const Rows &q, const Rows &k, const Rows &v, float softcap,
                           Flush flush) const {
        const lac_variant &variant = ListedKeys::variant();
        std::vector<int32_t> first;
        for (int r = 0; r <= q.tokens(); r++)
            first.push_back(static_cast<int32_t>(
                std::lower_bound(row_of_.begin(), row_of_.end(), r) - row_of_.begin()));
        const List starts(first, flush), tokens(token_of_, flush);
        const size_t floats = size_t(q.tokens()) * variant.partial_row;
        const Guarded out(floats * sizeof(float), flush);
        View<2> queries = q.view(), keys = k.view(), values = v.view();
        View<1> start_view = starts.view(), token_view = tokens.view();
        View<2> parts(out.floats(), Dim{variant.partial_row, 1},
                      Dim{q.tokens(), variant.partial_row});
        View<1> key_scales = k.scale_view(), value_scales = v.scale_view();
        Unbiased none(q.tokens());
        View<1> slopes(none.zeros.data(), Dim{q.tokens(), 1});
        View<1> positions(none.integers.data(), Dim{q.tokens(), 1});
        variant.pairs(&queries, &keys, &key_scales, &values, &value_scales, &start_view,
                      &token_view, static_cast<int32_t>(row_of_.size()), softcap, true, &slopes,
                      &positions, &parts);
        return {out.floats(), out.floats() + floats};
    }
    std::vector<int32_t> row_of_, token_of_;
};

TEST_P(FlatPairs, AgreeWithFloat64) {
    const lac_variant &variant = ListedKeys::variant();
    const float magnitude = 2 / std::sqrt(float(variant.head_dim));
    unsigned seed = 1;
    for (const int count : {0, 1, 2, 7, 37, variant.pairs_most}) {
        for (const int rows : {1, 3, variant.tile_rows}) {
            const Flush flush = seed % 2 ? Flush::kFront : Flush::kBack;
            const Rows q(rows, variant.head_dim, magnitude, flush, seed);
            const Rows k(kTokens, variant.head_dim, 1, flush, seed + 1, variant.key_type);
            const Rows v(kTokens, variant.value_dim, 1, flush, seed + 2, variant.value_type);
            choose(count, rows, rows > 1 ? 1 : -1, seed);
            const float softcap = seed % 3 == 0 ? 4.0f : 0.0f;
            const std::vector<float> out = run(q, k, v, softcap, flush);
            for (int r = 0; r < rows; r++)
                expect_row(attend_to(q, r, k, v, keys_of(r), softcap),
                           &out[size_t(r) * variant.partial_row], variant,
                           std::to_string(count) + " pairs, row " + std::to_string(r));
            seed++;
        }
    }
}

TEST_P(FlatPairs, PoisonReachesOnlyRowsThatListIt) {
    const lac_variant &variant = ListedKeys::variant();
    const int rows = variant.tile_rows;
    const Rows q(rows, variant.head_dim, 0.3f, Flush::kBack, 1);
    const Rows v(kTokens, variant.value_dim, 1, Flush::kBack, 3, variant.value_type);
    choose(90, rows, 0, 5);
    const int32_t bad = token_of_[40];
    for (const float poison :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
          -std::numeric_limits<float>::infinity()}) {
        const Rows k(kTokens, variant.head_dim, 1, Flush::kBack, 2, variant.key_type);
        const std::vector<float> clean = run(q, k, v, 0, Flush::kBack);
        k.at(bad, 0) = poison;
        const std::vector<float> got = run(q, k, v, 0, Flush::kBack);
        for (int r = 0; r < rows; r++) {
            const std::vector<int32_t> keys = keys_of(r);
            const bool sees = std::count(keys.begin(), keys.end(), bad) > 0;
            for (int d = 0; d < variant.value_dim; d++) {
                const size_t at = size_t(r) * variant.partial_row + size_t(d);
                if (sees)
                    EXPECT_FALSE(std::isfinite(got[at])) << "row " << r;
                else
                    EXPECT_EQ(got[at], clean[at]) << "row " << r;
            }
        }
    }
}

INSTANTIATE_TEST_SUITE_P(All, FlatPairs, kernels_on_tiers(for_any_pattern), kernel_on_tier_name);

}  // namespace
}  // namespace lacuna
