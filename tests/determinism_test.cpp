// The same bits whatever the threads, the calls before, the batch, the cut of the work and the
// layout of the tensors.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/kernel_params.h"
#include "tests/planned.h"

namespace lacuna {
namespace {

// One group of rows and several; spans that the state of large groups must cut.
const char *const kPatterns[] = {"dense",
                                 "window:20",
                                 "window:300",
                                 "local:30,5",
                                 "every:3",
                                 "strided:5",
                                 "dilated:6,3",
                                 "sink:9",
                                 "block:10",
                                 "global:3+window:12",
                                 "sink:4+every:7+window:40",
                                 "window:16+strided:8",
                                 "dilated:3,6+window:5+strided:4",
                                 "strided:150+dilated:4,7+window:16+sink:2",
                                 "bidi/global:5+local:8,8",
                                 "bidi/strided:6+window:8"};

// The queries of the one sequence in calls of these sizes, all of K each time.
ResultBits in_pieces(const lac_kernel &kernel, const Problem &p, Tensors &t,
                     const std::vector<int> &sizes) {
    clear_output(t);
    int first = 0;
    for (const int size : sizes) {
        Problem piece = p;
        piece.q_tokens = size;
        piece.q_starts = {p.q_start(0) + first};
        Views v(t);
        for (lac_tensor *rows : {&v.q, &v.out}) {
            rows->data = static_cast<uint8_t *>(rows->data) + first * rows->token_stride;
            rows->tokens = size;
        }
        std::vector<float> log_sum_exp(static_cast<size_t>(p.heads) * size);
        v.log_sum_exp = log_sum_exp.data();
        Planned(kernel, piece, {}).call(v);
        for (int h = 0; h < p.heads; h++)
            std::copy_n(&log_sum_exp[static_cast<size_t>(h) * size], size,
                        &t.log_sum_exp[static_cast<size_t>(h) * p.q_tokens + first]);
        first += size;
    }
    return all_bits(t, p);
}

std::vector<int> random_sizes(int total, int most, unsigned seed) {
    std::mt19937 random(seed);
    std::vector<int> sizes;
    while (total > 0) {
        sizes.push_back(std::min(total, 1 + static_cast<int>(random() % most)));
        total -= sizes.back();
    }
    return sizes;
}

class Determinism : public testing::TestWithParam<KernelOnTier> {
protected:
    static const lac_kernel_entry &entry() { return lac_kernels.kernels[std::get<0>(GetParam())]; }
    static lac_kernel kernel() { return find_kernel(entry(), std::get<1>(GetParam())); }
    static std::vector<std::string> patterns() {
        if (!entry().pattern) return {std::begin(kPatterns), std::end(kPatterns)};
        char text[256];
        lac_pattern_text(entry().pattern, text, sizeof text);
        return {text};
    }
    static Problem problem(const std::string &pattern, int heads, int kv_heads) {
        Problem p;
        p.pattern = pattern;
        p.heads = heads;
        p.kv_heads = kv_heads;
        fit(p, entry());
        return p;
    }
};

TEST_P(Determinism, AnyThreads) {
    for (const std::string &pattern : patterns()) {
        Problem p = problem(pattern, 6, 2);
        p.batch = 3;
        p.q_tokens = p.k_tokens = 150;
        p.q_lengths = {150, 37, 110};
        p.k_lengths = {150, 60, 110};
        Tensors t(p);
        const ResultBits want = result(kernel(), p, t, {});
        for (const int32_t count : {1, 2, 3, 7}) {
            const auto expect_same = [&](const ResultBits &got, const char *how) {
                EXPECT_EQ(difference(got, want), "") << how << " " << count << " " << pattern;
            };
            p.threads = count;
            clear_output(t);
            ASSERT_EQ(run(kernel(), p, t), LAC_OK);
            expect_same(all_bits(t, p), "fresh threads");
            lac_args in_pool{};
            const lac::Pool pool(count);
            pool.use_in(in_pool);
            expect_same(result(kernel(), p, t, {count, lac_pool_run, in_pool.parallel_context}),
                        "a pool of");
            expect_same(result(kernel(), p, t, {count, in_reverse, nullptr}), "in turn");
        }
    }
}

// The calls between leave NaN in every part of the workspace that a call writes.
TEST_P(Determinism, AHundredRepeats) {
    for (const std::string &pattern : patterns()) {
        Problem p = problem(pattern, 4, 2);
        p.q_tokens = p.k_tokens = 70;
        Tensors t(p), poison(p);
        poison.q.fill_with(NAN);
        poison.k.fill_with(NAN);
        poison.v.fill_with(NAN);
        lac_args args{};
        const lac::Pool pool(3);
        pool.use_in(args);
        Planned planned(kernel(), p, {3, lac_pool_run, args.parallel_context});
        const ResultBits want = result(kernel(), p, t, {});
        for (int i = 0; i < 100; i++) {
            if (i % 2) planned.call(Views(poison));
            clear_output(t);
            planned.call(Views(t));
            ASSERT_EQ(difference(all_bits(t, p), want), "") << "repeat " << i << " " << pattern;
        }
    }
}

// They are one segment, whichever comes first.
TEST_P(Determinism, AnyOrderOfContiguousAtoms) {
    if (entry().pattern) return;
    const std::vector<std::string> orders[] = {
        {"sink:4+window:70", "window:70+sink:4"},
        {"bidi/global:5+local:8,30+block:16", "bidi/block:16+global:5+local:8,30",
         "bidi/local:8,30+block:16+global:5"},
        {"sink:9+every:4+block:40", "block:40+every:4+sink:9"}};
    for (const std::vector<std::string> &texts : orders) {
        Problem p = problem(texts[0], 4, 2);
        p.q_tokens = p.k_tokens = 311;
        Tensors t(p);
        const ResultBits want = result(kernel(), p, t, {});
        for (const std::string &text : texts) {
            p.pattern = text;
            EXPECT_EQ(difference(result(kernel(), p, t, {}), want), "") << text;
        }
    }
}

void copy_sequence(Tensors &from, const Problem &p, Tensors &to, int b) {
    for (int t = 0; t < p.k_tokens; t++) {
        for (int h = 0; h < p.heads; h++) {
            const int kv = h / (p.heads / p.kv_heads);
            for (int d = 0; d < p.head_dim; d++) {
                if (t < p.q_tokens) to.q.at(b, h, t, d) = from.q.at(0, h, t, d);
                to.k.at(b, kv, t, d) = from.k.at(0, kv, t, d);
            }
            for (int d = 0; d < p.value_dim; d++) to.v.at(b, kv, t, d) = from.v.at(0, kv, t, d);
        }
    }
}

TEST_P(Determinism, AnyBatch) {
    for (const std::string &pattern : patterns()) {
        for (const int place : {0, 1, 3}) {
            Problem alone = problem(pattern, 6, 2);
            alone.q_tokens = 43;
            alone.k_tokens = 81;
            alone.q_starts = {30};
            Tensors t(alone);
            Problem p = alone;
            p.batch = 4;
            p.q_tokens = 60;
            p.k_tokens = 100;
            p.q_lengths = {60, 0, 17, 60};
            p.k_lengths = {100, 1, 55, 70};
            p.q_starts = {40, 0, 20, 3};
            p.q_lengths[place] = alone.q_tokens;
            p.k_lengths[place] = alone.k_tokens;
            p.q_starts[place] = alone.q_starts[0];
            p.seed = 5;
            Tensors all(p);
            copy_sequence(t, alone, all, place);
            const ResultBits want = result(kernel(), alone, t, {});
            for (const Threads &threads : {Threads{}, Threads{3, in_reverse, nullptr}}) {
                result(kernel(), p, all, threads);
                EXPECT_EQ(difference(sequence_bits(all, p, place), want), "")
                    << "place " << place << " " << p.describe();
            }
        }
    }
}

TEST_P(Determinism, AnyCut) {
    const struct {
        int heads, kv_heads;
    } groups[] = {{1, 1}, {3, 1}, {8, 2}, {16, 1}};
    for (const std::string &pattern : patterns()) {
        for (const auto &group : groups) {
            Problem p = problem(pattern, group.heads, group.kv_heads);
            // Far enough in that a window of several chunks of panels begins behind the first key.
            p.k_tokens = group.heads == 1 ? 701 : 331;
            p.q_tokens = 170;
            p.q_starts = {group.heads == 1 ? 503 : p.q_tokens % (7 + group.heads)};
            p.softcap = group.heads == 3 ? 20.0f : 0.0f;
            Tensors t(p);
            const ResultBits want = result(kernel(), p, t, {});
            const auto expect_same = [&](const std::vector<int> &sizes, const char *what) {
                EXPECT_EQ(difference(in_pieces(kernel(), p, t, sizes), want), "")
                    << what << " " << p.describe();
            };
            expect_same(random_sizes(p.q_tokens, 90, 1), "large pieces");
            expect_same(random_sizes(p.q_tokens, 20, 2), "small pieces");
            expect_same(std::vector<int>(static_cast<size_t>(p.q_tokens), 1), "single queries");
        }
    }
}

// Rows of more partial results than one fold takes.
TEST_P(Determinism, AnyCutOfLongRows) {
    const bool compiled = entry().pattern != nullptr;
    for (const std::string &pattern :
         compiled ? patterns() : std::vector<std::string>{"dense", "strided:2+window:6001"}) {
        Problem p = problem(pattern, 3, 1);
        p.k_tokens = 12000;
        p.q_tokens = 21;
        p.q_starts = {11950};
        Tensors t(p);
        const ResultBits want = result(kernel(), p, t, {});
        for (const int most : {1, 9}) {
            const std::vector<int> sizes = random_sizes(p.q_tokens, most, 3);
            EXPECT_EQ(difference(in_pieces(kernel(), p, t, sizes), want), "") << p.describe();
        }
    }
}

// In a long call the panels of windows share places; in calls of eight blocks at most they do not.
TEST_P(Determinism, PanelsThatTakeTurns) {
    const bool compiled = entry().pattern != nullptr;
    const std::vector<std::string> windows = {"window:20", "sink:9+window:40", "bidi/local:30,8",
                                              "dilated:20,3+window:8", "strided:500+window:16"};
    for (const std::string &pattern : compiled ? patterns() : windows) {
        Problem p = problem(pattern, 2, 1);
        p.q_tokens = p.k_tokens = 2000;
        Tensors t(p);
        const ResultBits want =
            in_pieces(kernel(), p, t, std::vector<int>(static_cast<size_t>(p.q_tokens) / 100, 100));
        for (const int32_t count : {1, 3, 9}) {
            lac_args in_pool{};
            const lac::Pool pool(count);
            pool.use_in(in_pool);
            const ResultBits got =
                result(kernel(), p, t, {count, lac_pool_run, in_pool.parallel_context});
            EXPECT_EQ(difference(got, want), "") << count << " threads " << p.describe();
        }
    }
}

TEST_P(Determinism, AnyLayout) {
    for (const std::string &pattern : patterns()) {
        Problem p = problem(pattern, 6, 2);
        p.batch = 2;
        p.q_tokens = 50;
        p.k_tokens = 90;
        Tensors first(p);
        const ResultBits want = result(kernel(), p, first, {});
        for (const Order order : {Order::kTokensFirst, Order::kFused, Order::kReversed}) {
            p.order = order;
            Tensors t(p);
            EXPECT_EQ(difference(result(kernel(), p, t, {}), want), "") << p.describe();
        }
    }
}

// Every compiled pattern, and of the kernels for any pattern one whose features fill whole vectors
// and some that do not.
bool chosen(const lac_kernel_entry &e) {
    const bool odd =
        e.head_dim == 20 || e.value_dim == 24 || (e.arithmetic == LAC_F16 && e.head_dim == 72);
    return e.pattern || odd || (e.head_dim == 64 && e.value_dim == 64);
}

INSTANTIATE_TEST_SUITE_P(All, Determinism, kernels_on_tiers(chosen), kernel_on_tier_name);

}  // namespace
}  // namespace lacuna
