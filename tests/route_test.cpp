// The router that comes with the kernels: whole calls, against float64 loops.
#include "runtime/route.h"

#include <algorithm>
#include <limits>

#include "lacuna/lacuna.hpp"
#include "tests/routers.h"

namespace lacuna {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Routing {
    Problem problem;
    TopkRule rule;
    lac_route_method method = LAC_ROUTE_MINMAX;
};

Routing routing(const lac_variant &v, int i) {
    Routing r;
    Problem &p = r.problem;
    p.head_dim = v.head_dim;
    p.batch = 2;
    p.heads = i % 2 ? 4 : 3;
    p.kv_heads = i % 2 ? 2 : 1;
    p.q_tokens = i % 3 ? 150 : 1;
    p.k_tokens = 331;
    p.q_lengths = {p.q_tokens, i % 3 ? 37 : 0};
    p.k_lengths = {331, 208};
    p.q_starts = {331 - p.q_tokens, 100};
    p.order = static_cast<Order>(i % 4);
    p.flush = i % 2 ? Flush::kFront : Flush::kBack;
    p.seed = static_cast<unsigned>(i);
    const TopkRule rules[] = {{1, 16, 4, 6, false},  {16, 8, 5, 5, true},   {64, 64, 2, 2, false},
                              {100, 7, 9, 9, false}, {7, 400, 1, 1, false}, {16, 1, 20, 30, true},
                              {1, 64, 1, 1, true},   {150, 5, 1, 2, false}};
    r.rule = rules[static_cast<size_t>(i) % std::size(rules)];
    r.method = i / 8 % 2 ? LAC_ROUTE_MEAN : LAC_ROUTE_MINMAX;
    return r;
}

// The tensors, the lists, and the memory they lie in.
struct Routed {
    Routed(const lac_variant &v, const Routing &r, int threads)
        : q(r.problem, v.type, r.problem.heads, r.problem.q_tokens, r.problem.head_dim),
          k(r.problem, v.key_type, r.problem.kv_heads, r.problem.k_tokens, r.problem.head_dim) {
        const Problem &p = r.problem;
        q.fill(p.seed + 1, 1);
        k.fill(p.seed + 2, 1);
        setup = {&v, r.rule, {}, r.method == LAC_ROUTE_MEAN, threads};
        setup.shape.size = sizeof(lac_shape);
        setup.shape.batch = p.batch, setup.shape.heads = p.heads;
        setup.shape.kv_heads = p.kv_heads;
        setup.shape.q_tokens = p.q_tokens, setup.shape.k_tokens = p.k_tokens;
        setup.shape.q_lengths = p.q_lengths.data(), setup.shape.k_lengths = p.k_lengths.data();
        setup.shape.q_starts = p.q_starts.data();
        args.parallel_for = in_turn;
    }
    // Workers one after the other, the last first.
    static void in_turn(void *, int32_t count, lac_work work, void *argument) {
        while (count-- > 0) work(argument, count);
    }
    lac_status run() {
        const lac_tensor tq = q.view(), tk = k.view();
        const size_t bytes = RouteMemory(setup, nullptr).bytes;
        memory = std::make_unique<Guarded>(bytes, Flush::kBack);
        std::memset(memory->data(), 0xff, bytes);
        EXPECT_EQ(route(setup, args, &tq, &tk, memory->data(), bytes - 1, &lists), LAC_TOO_SMALL);
        return route(setup, args, &tq, &tk, memory->data(), bytes, &lists);
    }
    std::vector<int32_t> row(int b, int h, int r) const {
        const int64_t i = (static_cast<int64_t>(b) * lists.heads + h) * lists.rows + r;
        return {lists.indices + lists.starts[i], lists.indices + lists.starts[i + 1]};
    }
    TestTensor q, k;
    RouteSetup setup{};
    lac_route_args args{sizeof(lac_route_args), LAC_ROUTE_MINMAX, 1, nullptr, nullptr};
    lac_lists lists{};
    std::unique_ptr<Guarded> memory;
};

// Blocks that a row may choose from, and the one that its last query stands in.
struct Choice {
    int blocks, own;
};
Choice choice_of(const Routing &r, int b, int row) {
    const Problem &p = r.problem;
    const int end = std::min((row + 1) * r.rule.tile, p.q_length(b));
    const int own = (p.q_start(b) + end - 1) / r.rule.block;
    return {r.rule.bidi ? (p.k_length(b) + r.rule.block - 1) / r.rule.block : own + 1, own};
}

double score(const Routing &r, const Routed &t, int b, int kv, int row, int block) {
    const Problem &p = r.problem;
    const int first = block * r.rule.block;
    const int end = std::min(first + r.rule.block, p.k_length(b)), group = p.heads / p.kv_heads;
    std::vector<double> most, least, mean;
    for (int f = 0; f < p.head_dim; f++) {
        double high = -kInfinity, low = kInfinity, sum = 0;
        for (int key = first; key < end; key++) {
            const double x = t.k.at(b, kv, key, f);
            high = std::max(high, x), low = std::min(low, x), sum += x;
        }
        most.push_back(high), least.push_back(low), mean.push_back(sum / (end - first));
    }
    double best = -kInfinity;
    const int last = std::min((row + 1) * r.rule.tile, p.q_length(b));
    for (int h = kv * group; h < (kv + 1) * group; h++) {
        for (int token = row * r.rule.tile; token < last; token++) {
            double sum = 0;
            for (size_t f = 0; f < most.size(); f++) {
                const double x = t.q.at(b, h, token, static_cast<int>(f));
                sum +=
                    r.method == LAC_ROUTE_MEAN ? x * mean[f] : std::max(x * most[f], x * least[f]);
            }
            best = std::max(best, sum);
        }
    }
    return best;
}

// Right up to blocks whose scores differ by rounding alone.
void expect_best(const Routing &r, const Routed &t, int b, int kv, int row) {
    const std::vector<int32_t> got = t.row(b, kv, row);
    if (row * r.rule.tile >= r.problem.q_length(b)) {
        EXPECT_TRUE(got.empty()) << "row " << row;
        return;
    }
    const Choice choice = choice_of(r, b, row);
    ASSERT_EQ(got.size(),
              static_cast<size_t>(choice.blocks > r.rule.most ? r.rule.best : choice.blocks));
    ASSERT_TRUE(std::is_sorted(got.begin(), got.end()));
    ASSERT_TRUE(std::adjacent_find(got.begin(), got.end()) == got.end());
    const std::set<int32_t> chosen(got.begin(), got.end());
    ASSERT_TRUE(chosen.count(choice.own)) << "row " << row;
    double worst_in = kInfinity, best_out = -kInfinity;
    for (int block = 0; block < choice.blocks; block++) {
        if (block == choice.own) continue;
        const double s = score(r, t, b, kv, row, block);
        if (chosen.count(block))
            worst_in = std::min(worst_in, s);
        else
            best_out = std::max(best_out, s);
    }
    ASSERT_GE(worst_in, best_out - 8 * kEpsilon * r.problem.head_dim) << "row " << row;
}

TEST_P(EveryRouter, ChoosesTheBestBlocks) {
    for (int i = 0; i < 16; i++) {
        const Routing r = routing(variant(), i);
        Routed t(variant(), r, i % 3 + 1);
        t.q.make_read_only();
        t.k.make_read_only();
        ASSERT_EQ(t.run(), LAC_OK);
        ASSERT_EQ(t.lists.batch, 2);
        ASSERT_EQ(t.lists.heads, r.problem.kv_heads);
        ASSERT_EQ(t.lists.rows, (r.problem.q_tokens + r.rule.tile - 1) / r.rule.tile);
        const int lists = 2 * r.problem.kv_heads;
        for (int list = 0; list < lists; list++) {
            for (int row = 0; row < t.lists.rows; row++) {
                expect_best(r, t, list / r.problem.kv_heads, list % r.problem.kv_heads, row);
                if (HasFatalFailure()) FAIL() << "case " << i;
            }
        }
    }
}

TEST_P(EveryRouter, GivesTheSameListsForAnyThreadCount) {
    const Routing r = routing(variant(), 2);
    Routed one(variant(), r, 1), five(variant(), r, 5);
    const lac::Pool pool(5);
    lac_args threads{};
    pool.use_in(threads);
    five.args.parallel_for = threads.parallel_for;
    five.args.parallel_context = threads.parallel_context;
    ASSERT_EQ(one.run(), LAC_OK);
    ASSERT_EQ(five.run(), LAC_OK);
    const int64_t rows = static_cast<int64_t>(one.lists.batch) * one.lists.heads * one.lists.rows;
    EXPECT_TRUE(std::equal(one.lists.starts, one.lists.starts + rows + 1, five.lists.starts));
    EXPECT_TRUE(std::equal(one.lists.indices, one.lists.indices + one.lists.starts[rows],
                           five.lists.indices));
}

// Rows that see huge scores, infinities or NaN still choose blocks that exist, and their own.
TEST_P(EveryRouter, ListsAreValidWhateverTheNumbers) {
    for (const float bad : {3e38f, -3e38f, INFINITY, -INFINITY, NAN}) {
        const Routing r = routing(variant(), 16);
        Routed t(variant(), r, 1);
        for (int key = 0; key < 200; key += 11) t.k.at(0, 0, key, d() / 2) = bad;
        t.q.at(0, 1, 20, d() / 2) = 2e38f;
        ASSERT_EQ(t.run(), LAC_OK);
        for (int row = 0; row < t.lists.rows; row++) {
            const std::vector<int32_t> got = t.row(0, 0, row);
            const Choice choice = choice_of(r, 0, row);
            ASSERT_TRUE(std::is_sorted(got.begin(), got.end()));
            ASSERT_TRUE(std::adjacent_find(got.begin(), got.end()) == got.end());
            ASSERT_TRUE(std::count(got.begin(), got.end(), choice.own));
            ASSERT_GE(got.front(), 0);
            ASSERT_LT(got.back(), choice.blocks);
        }
    }
}

INSTANTIATE_TEST_SUITE_P(All, EveryRouter, testing::ValuesIn(kernels(true)), router_name);

TEST(Route, ChecksItsTensors) {
    const lac_kernel kernel = kernels(true).front();
    const Routing r = routing(*kernel.variant, 1);
    Routed t(*kernel.variant, r, 1);
    ASSERT_EQ(t.run(), LAC_OK);
    const lac_tensor q = t.q.view(), k = t.k.view();
    const auto status = [&](const lac_tensor &tq, const lac_tensor &tk) {
        return route(t.setup, t.args, &tq, &tk, t.memory->data(), size_t{1} << 40, &t.lists);
    };
    ASSERT_EQ(status(q, k), LAC_OK);
    const struct {
        void (*spoil)(lac_tensor &);
        lac_status want;
    } cases[] = {{[](lac_tensor &x) { x.size--; }, LAC_BAD_ARGUMENT},
                 {[](lac_tensor &x) { x.data = nullptr; }, LAC_BAD_ARGUMENT},
                 {[](lac_tensor &x) { x.type = static_cast<lac_type>(0); }, LAC_BAD_TYPE},
                 {[](lac_tensor &x) { x.heads++; }, LAC_BAD_SHAPE},
                 {[](lac_tensor &x) { x.tokens--; }, LAC_BAD_SHAPE},
                 {[](lac_tensor &x) { x.features++; }, LAC_BAD_SHAPE},
                 {[](lac_tensor &x) { x.token_stride += 2; }, LAC_BAD_STRIDE},
                 {[](lac_tensor &x) { x.token_stride = int64_t{1} << 31; }, LAC_BAD_STRIDE}};
    for (const auto &c : cases) {
        lac_tensor bad_q = q, bad_k = k;
        c.spoil(bad_q);
        c.spoil(bad_k);
        EXPECT_EQ(status(bad_q, k), c.want);
        EXPECT_EQ(status(q, bad_k), c.want);
    }
    EXPECT_EQ(route(t.setup, t.args, &q, &k, static_cast<uint8_t *>(t.memory->data()) + 4,
                    size_t{1} << 40, &t.lists),
              LAC_BAD_ALIGNMENT);
}

TEST(Route, ChecksItsOtherArguments) {
    const lac_kernel kernel = kernels(true).front();
    const Routing r = routing(*kernel.variant, 1);
    const Routed t(*kernel.variant, r, 1);
    const lac_pattern pattern = lac::pattern("window:9");
    size_t bytes = 0;
    const auto status = [&](const lac_route_args &args) {
        return lac_route_bytes(&kernel, &pattern, &t.setup.shape, &args, &bytes);
    };
    EXPECT_EQ(lac_route_bytes(&kernel, &pattern, &t.setup.shape, nullptr, &bytes), LAC_BAD_PATTERN);
    lac_route_args args{sizeof args, LAC_ROUTE_MEAN, 2, Routed::in_turn, nullptr};
    EXPECT_EQ(status(args), LAC_BAD_PATTERN);
    args.parallel_for = nullptr;
    EXPECT_EQ(status(args), LAC_BAD_ARGUMENT);
    args.threads = LAC_MAX_THREADS + 1;
    EXPECT_EQ(status(args), LAC_TOO_MANY_THREADS);
    args.threads = -1;
    EXPECT_EQ(status(args), LAC_TOO_MANY_THREADS);
    args.threads = 1;
    args.method = 2;
    EXPECT_EQ(status(args), LAC_BAD_ARGUMENT);
    args.method = LAC_ROUTE_MEAN;
    args.size++;
    EXPECT_EQ(status(args), LAC_BAD_ARGUMENT);
}

}  // namespace
}  // namespace lacuna
