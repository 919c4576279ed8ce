// fixed8 against the float64 oracle on normal data, and the bits that it promises.
#include <gtest/gtest.h>

#include "tests/fixed8.h"
#include "tests/oracle.h"

namespace lacuna {
namespace {

class OnNormalData : public testing::TestWithParam<Size> {};

TEST_P(OnNormalData, AgreesWithTheOracle) {
    const Size &s = GetParam();
    Fixed8 run(s);
    ASSERT_EQ(run.attend(), LAC_OK);
    std::vector<double> want, got;
    double farthest = 0;
    for (int h = 0; h < s.batch * s.heads; h++) {
        const int head = h % s.heads, kv = h / s.heads * s.kv_heads + head / (s.heads / s.kv_heads);
        const OracleInput in{&run.pattern,
                             &run.shape,
                             h / s.heads,
                             head,
                             s.q_tokens,
                             s.k_tokens,
                             s.k_tokens - s.q_tokens,
                             s.head_dim,
                             s.head_dim,
                             1 / std::sqrt(static_cast<double>(s.head_dim))};
        const size_t row = static_cast<size_t>(h) * s.q_tokens, d = s.head_dim;
        const size_t key = static_cast<size_t>(kv) * s.k_tokens;
        const OracleOutput o =
            oracle(in, &run.q.numbers[row * d], &run.k.numbers[key * d], &run.v.numbers[key * d]);
        for (size_t i = 0; i < o.out.size(); i++) {
            want.push_back(o.out[i]);
            got.push_back(run.out[row * d + i] / 128.0 * run.v.scales[kv]);
        }
        for (size_t i = 0; i < o.log_sum_exp.size(); i++)
            farthest = std::max(farthest, std::abs(o.log_sum_exp[i] - run.log_sum_exp[row + i]));
    }
    RecordProperty("nmse", std::to_string(nmse(want, got)));
    std::printf("nmse %.2e, log-sum-exp %.4f\n", nmse(want, got), farthest);
    EXPECT_LE(nmse(want, got), 1e-3);
    EXPECT_LE(farthest, 0.1);  // of scores whose 8-bit factors move by 1 %
}

INSTANTIATE_TEST_SUITE_P(Patterns, OnNormalData,
                         testing::Values(Size{"dense", 1, 1, 1, 32, 192, 64},
                                         Size{"dense", 1, 1, 1, 1, 1, 64},
                                         Size{"dense", 1, 2, 1, 3, 2048, 64},
                                         Size{"dense", 1, 1, 1, 2, 20000, 64},
                                         Size{"bidi/dense", 2, 2, 2, 19, 41, 20},
                                         Size{"window:64", 1, 4, 2, 150, 150, 64},
                                         Size{"window:40+every:7+sink:4", 1, 2, 2, 131, 300, 64},
                                         Size{"dilated:9,4+block:12", 1, 2, 1, 120, 120, 20},
                                         Size{"bidi/strided:6+window:8", 1, 1, 1, 90, 90, 64},
                                         Size{"bidi/local:19,7+global:3", 1, 1, 1, 77, 77, 20}));

// Equal scores weigh the same: the mean of V, at a length past which sums of weights are halved.
TEST(Fixed8Sums, StayInRangeOverManyKeys) {
    Fixed8 run({"dense", 1, 1, 1, 1, 200000, 20});
    std::fill(run.q.units.begin(), run.q.units.end(), int8_t{0});
    for (size_t i = 0; i < run.v.units.size(); i++) run.v.units[i] = i % 20 < 10 ? 127 : -127;
    ASSERT_EQ(run.attend(), LAC_OK);
    for (int d = 0; d < 20; d++) EXPECT_NEAR(run.out[d], (d < 10 ? 127 : -127) * 128, 4) << d;
    EXPECT_NEAR(run.log_sum_exp[0], std::log(200000.0), 1e-3);
}

// Scores hundreds of thousands of octaves apart: the largest takes all, whatever item it is in.
TEST(Fixed8Range, ScoresPastItSaturate) {
    Fixed8 run({"dense", 1, 1, 1, 1, 700, 20});
    run.args.scale = 1e9f;
    std::fill(run.q.units.begin(), run.q.units.end(), int8_t{127});
    for (size_t i = 0; i < run.k.units.size(); i++) run.k.units[i] = i / 20 == 300 ? 127 : -127;
    for (size_t i = 0; i < run.v.units.size(); i++) run.v.units[i] = i / 20 == 300 ? 99 : -5;
    ASSERT_EQ(run.attend(), LAC_OK);
    for (int d = 0; d < 20; d++) EXPECT_NEAR(run.out[d], 99 * 128, 2) << d;
}

// Turning Q's sign must not wrap.
TEST(Fixed8Range, NegativeScaleTurnsTheLeastElement) {
    Fixed8 run({"dense", 1, 1, 1, 1, 2, 20});
    run.args.scale = -100;
    std::fill(run.q.units.begin(), run.q.units.end(), int8_t{-128});
    for (size_t i = 0; i < run.k.units.size(); i++) run.k.units[i] = i / 20 ? 100 : -100;
    for (size_t i = 0; i < run.v.units.size(); i++) run.v.units[i] = i / 20 ? 50 : -50;
    ASSERT_EQ(run.attend(), LAC_OK);
    for (int d = 0; d < 20; d++) EXPECT_NEAR(run.out[d], 50 * 128, 2) << d;
}

TEST(Fixed8Bits, DoNotHangOnThreadsOrBatch) {
    for (const char *pattern : {"dense", "window:40+every:7+sink:4", "dilated:9,4"}) {
        Fixed8 alone({pattern, 1, 4, 2, 70, 600, 64}), both({pattern, 2, 4, 2, 70, 600, 64});
        ASSERT_EQ(alone.attend(), LAC_OK);
        both.args.parallel_for = [](void *, int32_t count, lac_work work, void *argument) {
            while (count-- > 0) work(argument, count);
        };
        for (const int threads : {1, 2, 5}) {
            both.args.threads = threads;
            std::fill(both.out.begin(), both.out.end(), int16_t{-1});
            ASSERT_EQ(both.attend(), LAC_OK);
            EXPECT_TRUE(std::equal(alone.out.begin(), alone.out.end(), both.out.begin()))
                << pattern << " on " << threads;
            EXPECT_TRUE(std::equal(alone.log_sum_exp.begin(), alone.log_sum_exp.end(),
                                   both.log_sum_exp.begin()))
                << pattern << " on " << threads;
        }
    }
}

TEST(Fixed8Arguments, WhatItDoesNotDoIsRefused) {
    Fixed8 run({"dense", 1, 1, 1, 4, 4, 64});
    run.args.softcap = 1;
    EXPECT_EQ(run.attend(), LAC_BAD_ARGUMENT);
    run.args.softcap = 0;
    const float sink = 0;
    run.args.sink_logits = &sink;
    EXPECT_EQ(run.attend(), LAC_BAD_ARGUMENT);
    run.args.sink_logits = nullptr;
    run.args.alibi_slopes = &sink;
    EXPECT_EQ(run.attend(), LAC_BAD_ARGUMENT);
}

}  // namespace
}  // namespace lacuna
