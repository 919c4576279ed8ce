// Rotary embedding: rows turn by their positions, whatever their type, order and layout of pairs.
#include "lacuna/rope.h"

#include <gtest/gtest.h>

#include "runtime/convert.h"
#include "tests/harness.h"
#include "tests/rotary.h"

namespace lacuna {
namespace {

Problem problem(lac_type type, Order order) {
    Problem p;
    p.batch = 2;
    p.heads = 3;
    p.q_tokens = 5;
    p.head_dim = p.value_dim = 20;
    p.type = type;
    p.order = order;
    return p;
}

struct Rotated {
    lac_type type;
    Order order;
    int rotary_dim;
    bool interleaved, in_place;
};

// The definition, in float64.
double wanted(const TestTensor &x, const Tables &t, const Rotated &c, int b, int h, int i, int d,
              int position) {
    const int pairs = c.rotary_dim / 2;
    if (d >= c.rotary_dim) return x.at(b, h, i, d);
    const int pair = c.interleaved ? d / 2 : d % pairs;
    const bool second = c.interleaved ? d % 2 : d >= pairs;
    const int other = c.interleaved ? d ^ 1 : (second ? d - pairs : d + pairs);
    const double cosine = t.cosines[size_t(position) * pairs + pair];
    const double sine = t.sines[size_t(position) * pairs + pair];
    const double me = x.at(b, h, i, d), it = x.at(b, h, i, other);
    return me * cosine + (second ? it * sine : -it * sine);
}

void expect_turned(const Rotated &c) {
    const std::vector<int32_t> positions{0, 7, 3, 399, 12, 50, 51, 52, 53, 0};
    const Problem p = problem(c.type, c.order);
    Tensors from(p), work(p);
    const Tables tables(c.rotary_dim / 2);
    const lac_rope rope = tables.rope(c.rotary_dim == p.head_dim ? 0 : c.rotary_dim, c.interleaved);
    const lac_tensor x = c.in_place ? work.q.view() : from.q.view();
    const lac_tensor out = c.in_place ? work.q.view() : work.out.view();
    if (!c.in_place) from.q.make_read_only();
    ASSERT_EQ(lac_rope_apply(&rope, &x, positions.data(), &out), LAC_OK);
    const TestTensor &got = c.in_place ? work.q : work.out;
    for (int i = 0; i < p.batch * p.heads * p.q_tokens * p.head_dim; i++) {
        const int d = i % p.head_dim, row = i / p.head_dim, t = row % p.q_tokens;
        const int h = row / p.q_tokens % p.heads, b = row / p.q_tokens / p.heads;
        const double want =
            wanted(from.q, tables, c, b, h, t, d, positions[size_t(b * p.q_tokens + t)]);
        ASSERT_NEAR(got.at(b, h, t, d), want, 1e-6 + 1.01 * rounding_error(c.type, want))
            << c.type << " feature " << d << " row " << t;
    }
}

TEST(Rope, TurnsRowsByTheirPositions) {
    for (const lac_type type : {LAC_F32, LAC_F16, LAC_BF16}) {
        for (const Order order : {Order::kHeadsFirst, Order::kFused, Order::kReversed}) {
            for (int i = 0; i < 12; i++)
                expect_turned({type, order, std::vector<int>{20, 8, 2}[size_t(i % 3)],
                               i / 3 % 2 == 1, i / 6 == 1});
        }
    }
}

// What attention needs of it: scores know the distance alone.
TEST(Rope, ScoresHangOnDistances) {
    Problem p = problem(LAC_F32, Order::kHeadsFirst);
    p.batch = p.heads = 1;
    p.q_tokens = p.k_tokens = 1;
    const Tables tables(10);
    const lac_rope rope = tables.rope(0, false);
    std::vector<double> scores;
    for (const int32_t first : {0, 11, 300}) {
        p.value_dim = p.head_dim;
        Tensors t(p);
        const int32_t q_at = first + 40;
        const lac_tensor q = t.q.view(), k = t.k.view();
        lac_tensor keys = k;
        ASSERT_EQ(lac_rope_apply(&rope, &q, &q_at, &q), LAC_OK);
        ASSERT_EQ(lac_rope_apply(&rope, &keys, &first, &keys), LAC_OK);
        double score = 0;
        for (int d = 0; d < p.head_dim; d++)
            score += double(t.q.at(0, 0, 0, d)) * t.k.at(0, 0, 0, d);
        scores.push_back(score);
    }
    EXPECT_NEAR(scores[1], scores[0], 2e-4);
    EXPECT_NEAR(scores[2], scores[0], 2e-4);
    EXPECT_GT(std::abs(scores[0]), 1e-2);
}

TEST(Rope, WithoutPositionsTokensCount) {
    Problem p = problem(LAC_F32, Order::kTokensFirst);
    p.value_dim = p.head_dim;
    Tensors a(p), b(p);
    const Tables tables(10);
    const lac_rope rope = tables.rope(0, true);
    const lac_tensor x = a.q.view(), y = b.q.view();
    const std::vector<int32_t> positions{0, 1, 2, 3, 4, 0, 1, 2, 3, 4};
    ASSERT_EQ(lac_rope_apply(&rope, &x, nullptr, &x), LAC_OK);
    ASSERT_EQ(lac_rope_apply(&rope, &y, positions.data(), &y), LAC_OK);
    for (int h = 0; h < p.heads; h++)
        EXPECT_EQ(a.q.rows(1, h, p.q_tokens), b.q.rows(1, h, p.q_tokens));
}

TEST(Rope, RefusesWhatDoesNotFitAndWritesNothing) {
    Problem p = problem(LAC_F32, Order::kHeadsFirst);
    Tensors t(p);
    const Tables tables(10);
    const lac_rope good = tables.rope(0, false);
    const lac_tensor x = t.q.view();
    const std::vector<float> before = t.q.rows(0, 0, p.q_tokens);
    const auto refused = [&](lac_rope r, lac_tensor from, const int32_t *at, lac_tensor to) {
        return lac_rope_apply(&r, &from, at, &to);
    };
    EXPECT_EQ(lac_rope_apply(nullptr, &x, nullptr, &x), LAC_BAD_ARGUMENT);
    EXPECT_EQ(lac_rope_apply(&good, nullptr, nullptr, &x), LAC_BAD_ARGUMENT);
    for (const int bad : {3, 22, -2}) {
        lac_rope r = good;
        r.rotary_dim = bad;
        EXPECT_EQ(refused(r, x, nullptr, x), LAC_BAD_SHAPE) << bad;
    }
    std::vector<int32_t> positions(10, 4);
    for (const int bad : {-1, kPositions}) {
        positions[9] = bad;
        EXPECT_EQ(refused(good, x, positions.data(), x), LAC_BAD_LENGTH) << bad;
    }
    lac_rope few = good;
    few.positions = p.q_tokens - 1;
    EXPECT_EQ(refused(few, x, nullptr, x), LAC_BAD_LENGTH);
    lac_rope bare = good;
    bare.sines = nullptr;
    EXPECT_EQ(refused(bare, x, nullptr, x), LAC_BAD_ARGUMENT);
    lac_tensor shifted = x;
    shifted.data = static_cast<uint8_t *>(x.data) + 4;
    EXPECT_EQ(refused(good, x, nullptr, shifted), LAC_OVERLAP);
    lac_tensor other = x;
    other.heads--;
    EXPECT_EQ(refused(good, x, nullptr, other), LAC_BAD_SHAPE);
    other = x;
    other.type = LAC_I8;
    EXPECT_EQ(refused(good, other, nullptr, other), LAC_BAD_TYPE);
    other = x;
    other.token_stride += 1;
    EXPECT_EQ(refused(good, other, nullptr, other), LAC_BAD_STRIDE);
    EXPECT_EQ(t.q.rows(0, 0, p.q_tokens), before);
}

TEST(Rope, ConversionsAreTheFormats) {
    for (int i = 0; i < 0x10000; i++) {
        const auto half = static_cast<uint16_t>(i);
        const float f16 = widened(half, LAC_F16), bf16 = widened(half, LAC_BF16);
        if (!std::isnan(f16)) {
            ASSERT_EQ(bits_of(f16_to_f32(half)), bits_of(f16));
            ASSERT_EQ(f32_to_f16(f16), half);
        }
        ASSERT_EQ(std::isnan(f16), std::isnan(f16_to_f32(half)));
        if (!std::isnan(bf16)) {
            ASSERT_EQ(f32_to_bf16(bf16_to_f32(half)), half);
        }
    }
    std::mt19937 random(1);
    for (int i = 0; i < 200000; i++) {
        const float x = float_of(static_cast<uint32_t>(random()));
        if (std::isnan(x)) {
            ASSERT_TRUE(std::isnan(f16_to_f32(f32_to_f16(x))));
            continue;
        }
        ASSERT_EQ(f32_to_f16(x), rounded(x, LAC_F16)) << x;
        ASSERT_EQ(f32_to_bf16(x), rounded(x, LAC_BF16)) << x;
    }
}

}  // namespace
}  // namespace lacuna
