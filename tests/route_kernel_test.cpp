// The router's two kernels, against float64 loops.
#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/routers.h"

namespace lacuna {
namespace {

float number(uint32_t &state) {
    state = state * 1664525u + 1013904223u;
    return static_cast<float>(static_cast<int32_t>(state)) * 0x1p-30f;
}
void fill(float *to, int64_t count, uint32_t seed) {
    for (int64_t i = 0; i < count; i++) to[i] = number(seed);
}

TEST_P(EveryRouter, SummariesAreExtremesAndMeans) {
    const int strides[] = {d(), d() + 3, 3 * d()};
    int i = 0;
    for (const int keys : {1, 2, 17, 64}) {
        for (const int blocks : {1, 3, 16}) {
            const int stride = strides[i++ % 3], out_stride = blocks + i % 4;
            const int64_t floats = static_cast<int64_t>(keys * blocks - 1) * stride + d();
            const Guarded source(static_cast<size_t>(floats) * sizeof(float),
                                 i % 2 ? Flush::kBack : Flush::kFront);
            fill(source.floats(), floats, static_cast<uint32_t>(i));
            source.make_read_only();
            const int64_t out_floats = static_cast<int64_t>(d() - 1) * out_stride + blocks;
            const auto out_bytes = static_cast<size_t>(out_floats) * sizeof(float);
            const Guarded high(out_bytes, Flush::kBack), low(out_bytes, Flush::kBack),
                mean(out_bytes, Flush::kBack);
            View<3> from(source.floats(), Dim{d(), 1}, Dim{keys, stride},
                         Dim{blocks, keys * stride});
            View<2> to_high(high.floats(), Dim{blocks, 1}, Dim{d(), out_stride});
            View<2> to_low(low.floats(), Dim{blocks, 1}, Dim{d(), out_stride});
            View<2> to_mean(mean.floats(), Dim{blocks, 1}, Dim{d(), out_stride});
            View<2> nowhere(low.floats(), Dim{0, 1}, Dim{d(), out_stride});
            View<2> none(high.floats(), Dim{0, 1}, Dim{0, 1});
            variant().summarise(&from, &none, false, &to_high, &to_low);
            variant().summarise(&from, &none, true, &to_mean, &nowhere);
            for (int b = 0; b < blocks; b++) {
                for (int f = 0; f < d(); f++) {
                    float most = -INFINITY, least = INFINITY;
                    double sum = 0;
                    for (int k = 0; k < keys; k++) {
                        const float x = source.floats()[(b * keys + k) * stride + f];
                        most = std::max(most, x), least = std::min(least, x), sum += x;
                    }
                    const int at = f * out_stride + b;
                    ASSERT_EQ(high.floats()[at], most) << keys << " keys, block " << b;
                    ASSERT_EQ(low.floats()[at], least) << keys << " keys, block " << b;
                    ASSERT_NEAR(mean.floats()[at], sum / keys, 4 * keys * kEpsilon);
                }
            }
        }
    }
}

// One call of the kernel, and what it should give.
struct Scoring {
    Scoring(int d, int heads, int tokens, int blocks, Flush flush)
        : d(d),
          heads(heads),
          tokens(tokens),
          blocks(blocks),
          q(static_cast<size_t>(heads * tokens * d) * sizeof(float), flush),
          high(static_cast<size_t>(blocks * d) * sizeof(float), flush),
          low(static_cast<size_t>(blocks * d) * sizeof(float), flush),
          scores(static_cast<size_t>(blocks) * sizeof(float), flush) {
        fill(q.floats(), static_cast<int64_t>(heads) * tokens * d, 1);
        fill(high.floats(), static_cast<int64_t>(blocks) * d, 2);
        fill(low.floats(), static_cast<int64_t>(blocks) * d, 3);
        for (int i = 0; i < blocks * d; i++)
            if (low.floats()[i] > high.floats()[i]) std::swap(low.floats()[i], high.floats()[i]);
        for (const Guarded *g : {&q, &high, &low}) g->make_read_only();
    }
    // [heads, tokens, d] queries.
    void call(const lac_variant &v, bool mean, bool has_earlier) const {
        View<3> queries(q.floats(), Dim{d, 1}, Dim{heads, tokens * d}, Dim{tokens, d});
        View<2> above(high.floats(), Dim{blocks, 1}, Dim{d, blocks});
        View<2> below(low.floats(), Dim{blocks, 1}, Dim{d, blocks});
        View<1> earlier(scores.floats(), Dim{blocks, 1}), out(scores.floats(), Dim{blocks, 1});
        v.route(&queries, &above, &below, mean, has_earlier, &earlier, &out);
    }
    double want(int block, bool mean) const {
        double best = -std::numeric_limits<double>::infinity();
        for (int r = 0; r < heads * tokens; r++) {
            double score = 0;
            for (int f = 0; f < d; f++) {
                const double x = q.floats()[r * d + f], up = high.floats()[f * blocks + block],
                             down = low.floats()[f * blocks + block];
                score += mean ? x * up : std::max(x * up, x * down);
            }
            best = std::max(best, score);
        }
        return best;
    }
    int d, heads, tokens, blocks;
    Guarded q, high, low, scores;
};

TEST_P(EveryRouter, ScoresAreTheLargestOverTheRows) {
    int i = 0;
    for (const int heads : {1, 3, 4}) {
        for (const int tokens : {1, 2, 13, 64}) {
            const int blocks = variant().panel_keys * (1 + i++ % 3);
            const Scoring s(d(), heads, tokens, blocks, i % 2 ? Flush::kBack : Flush::kFront);
            const double tolerance = 4 * kEpsilon * d() * 4;
            for (const bool mean : {false, true}) {
                s.call(variant(), mean, false);
                for (int b = 0; b < blocks; b++)
                    ASSERT_NEAR(s.scores.floats()[b], s.want(b, mean), tolerance)
                        << heads << " heads, " << tokens << " tokens, block " << b;
                for (int b = 0; b < blocks; b += 2) s.scores.floats()[b] = 1e6f;
                s.call(variant(), mean, true);
                for (int b = 0; b < blocks; b++)
                    ASSERT_NEAR(s.scores.floats()[b], b % 2 ? s.want(b, mean) : 1e6, tolerance);
            }
        }
    }
}

INSTANTIATE_TEST_SUITE_P(All, EveryRouter, testing::ValuesIn(kernels(false)), router_name);

}  // namespace
}  // namespace lacuna
