// What the tests of listed keys share: rows of K and V flush against a guard page, and a row of a
// partial result in float64.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "runtime/pack_rows.h"
#include "tests/kernel_params.h"

namespace lacuna {

// [token][feature] with a gap between rows; the last row ends, or the first begins, at a page that
// faults.
class Rows {
public:
    Rows(int tokens, int features, float magnitude, Flush flush, unsigned seed,
         lac_type type = LAC_F32)
        : tokens_(tokens),
          features_(features),
          stride_(features + 3),
          type_(type),
          memory_((size_t(tokens - 1) * stride_ + features) * lac_type_bytes(type), flush),
          scales_(size_t(tokens) * sizeof(float), flush) {
        std::mt19937 random(seed);
        std::mt19937 of_scales(seed + 7);
        for (int t = 0; t < tokens; t++)
            scales()[t] =
                magnitude * std::uniform_real_distribution<float>(2.5f, 4)(of_scales) / 127;
        std::normal_distribution<float> normal(0, magnitude);
        for (int t = 0; t < tokens; t++)
            for (int d = 0; d < features; d++) at(t, d) = normal(random);
    }
    Element at(int t, int d) const {
        return {elements().from(t * stride_ + d).data, type_, scales() + t};
    }
    int tokens() const { return tokens_; }
    int features() const { return features_; }
    View<2> view() const { return {elements(), Dim{features_, 1}, Dim{tokens_, stride_}}; }
    View<1> scale_view() const { return {scales(), Dim{tokens_, 1}}; }
    TokenRows token_rows() const { return {elements(), scales(), stride_, 1, tokens_}; }

private:
    float *scales() const { return static_cast<float *>(scales_.data()); }
    Elements elements() const { return {static_cast<uint8_t *>(memory_.data()), type_}; }
    int tokens_, features_, stride_;
    lac_type type_;
    Guarded memory_, scales_;
};

// What turns ALiBi off: rows of nothing.
struct Unbiased {
    explicit Unbiased(int rows) : zeros(size_t(rows)), integers(size_t(rows)) {}
    std::vector<float> zeros;
    std::vector<int32_t> integers;
};

struct WantedRow {
    double max = -1e38, sum = 0;
    std::vector<double> features;
};

// Of the query in row `q`, with keys in list order.
inline WantedRow attend_to(const Rows &queries, int q, const Rows &k, const Rows &v,
                           const std::vector<int32_t> &keys, float softcap) {
    WantedRow want;
    std::vector<double> scores;
    for (const int32_t key : keys) {
        double s = 0;
        for (int d = 0; d < k.features(); d++) s += double(queries.at(q, d)) * k.at(key, d);
        if (softcap != 0) s = softcap * std::tanh(s / softcap);
        scores.push_back(s);
        want.max = std::max(want.max, s);
    }
    want.features.resize(size_t(v.features()));
    for (size_t i = 0; i < keys.size(); i++) {
        const double weight = std::exp2(scores[i] - want.max);
        want.sum += weight;
        for (int d = 0; d < v.features(); d++)
            want.features[size_t(d)] += weight * v.at(keys[i], d);
    }
    return want;
}

// `got` is a row of a partial result; scores of up to 20 cost 20 times a rounding.
inline void expect_row(const WantedRow &want, const float *got, const lac_variant &v,
                       const std::string &where) {
    const int padded = v.value_planes * v.plane;
    EXPECT_NEAR(got[padded], want.max, want.sum == 0 ? 1e31 : 2e-5) << where;
    EXPECT_NEAR(got[padded + 1], want.sum, 2e-5 * want.sum) << where;
    for (int d = 0; d < v.value_dim; d++)
        ASSERT_NEAR(got[d], want.features[size_t(d)], 5e-5 * want.sum) << where << " feature " << d;
    for (int d = v.value_dim; d < padded; d++) ASSERT_EQ(got[d], 0.0f) << where << " feature " << d;
}

// Every kernel for any pattern on every tier that runs here.
class ListedKeys : public testing::TestWithParam<KernelOnTier> {
protected:
    static const lac_variant &variant() {
        const lac_kernel_entry &e = lac_kernels.kernels[std::get<0>(GetParam())];
        return *find_kernel(e, std::get<1>(GetParam())).variant;
    }
};

inline bool for_any_pattern(const lac_kernel_entry &e) { return !e.pattern; }

}  // namespace lacuna
