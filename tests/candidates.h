// Rows of candidates, and what should be chosen from them.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "runtime/topk_row.h"

namespace lacuna {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Row {
    std::vector<int32_t> indices;
    std::vector<float> scores;
    CandidateRow view() const {
        return {indices.data(), scores.data(), static_cast<int64_t>(indices.size())};
    }
};

// The definition: NaN below all, then by score, then the lower index.
inline std::vector<int32_t> by_sorting(const Row &row, const RowLimits &limits) {
    std::vector<size_t> order(row.indices.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return row.indices[a] < row.indices[b]; });
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
        const float x = row.scores[a], y = row.scores[b];
        return std::isnan(y) ? !std::isnan(x) : x > y;
    });
    if (static_cast<int64_t>(order.size()) > limits.most)
        order.resize(static_cast<size_t>(limits.best));
    std::vector<int32_t> chosen;
    for (const size_t i : order) chosen.push_back(row.indices[i]);
    std::sort(chosen.begin(), chosen.end());
    return chosen;
}

// Scores of one of several kinds: all different, few values and so many ties, special values.
inline float random_score(int kind, std::mt19937 &random) {
    static const float special[] = {0.0f,  -0.0f,  kInfinity, -kInfinity, NAN,
                                    -NAN,  1.0f,   -1.0f,     1e-45f,     -1e-45f,
                                    3e38f, -3e38f, 1e-6f,     1.000001f,  -2.0f};
    std::uniform_int_distribution<size_t> pick(0, std::size(special) - 1);
    switch (kind) {
        case 0: return std::normal_distribution<float>()(random);
        case 1: return static_cast<float>(static_cast<int>(random() % 5) - 2);
        case 2: return special[pick(random)];
        case 3: return 7.0f;
        default: {  // any bits
            const auto bits = static_cast<uint32_t>(random());
            float x = 0;
            std::memcpy(&x, &bits, sizeof x);
            return x;
        }
    }
}

// `count` different indices below `extent`, shuffled.
inline Row random_row(int64_t extent, int64_t count, int kind, std::mt19937 &random) {
    Row row;
    std::vector<int32_t> all(static_cast<size_t>(extent));
    std::iota(all.begin(), all.end(), 0);
    for (size_t i = 0; i < static_cast<size_t>(count); i++) {
        std::swap(all[i], all[i + random() % (all.size() - i)]);
        row.indices.push_back(all[i]);
        row.scores.push_back(random_score(kind, random));
    }
    return row;
}

}  // namespace lacuna
