// Tables of a rotary embedding.
#pragma once
#include <cmath>
#include <vector>

#include "lacuna/rope.h"

namespace lacuna {

constexpr int kPositions = 400;

struct Tables {
    explicit Tables(int pairs, double theta = 10000) {
        for (int p = 0; p < kPositions; p++) {
            for (int i = 0; i < pairs; i++) {
                const double angle = p * std::pow(theta, -double(i) / pairs);
                cosines.push_back(static_cast<float>(std::cos(angle)));
                sines.push_back(static_cast<float>(std::sin(angle)));
            }
        }
    }
    lac_rope rope(int rotary_dim, bool interleaved) const {
        return {sizeof(lac_rope), rotary_dim,     interleaved,
                kPositions,       cosines.data(), sines.data()};
    }
    std::vector<float> cosines, sines;
};

}  // namespace lacuna
