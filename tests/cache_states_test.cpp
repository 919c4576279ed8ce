// Any sequence of appends, steps, trims, forks, saves and loads, against a plain K and V that only
// grow and shrink: every step gives the bits of lac_attention over them.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cmath>

#include "tests/cached.h"
#include "tests/kernel_params.h"

namespace lacuna {
namespace {

const char *const kPatterns[] = {"dense",
                                 "window:17",
                                 "window:30+sink:5",
                                 "every:7+window:12",
                                 "dilated:5,3+sink:2",
                                 "strided:6+window:9",
                                 "block:20",
                                 "heads(0=window:8|1-3=every:5+local:3,0)"};
constexpr int kContext = 220;

// What a run of the test does, read off a list of numbers, so that a failure shrinks.
struct Op {
    enum Kind { kAppend, kAttend, kTrim, kFork, kReload } kind;
    int amount;
    static constexpr unsigned kKinds = 10, kAmounts = 64;
    static Op from(unsigned number) {
        constexpr Kind kinds[kKinds] = {kAppend, kAppend, kAppend, kAppend, kAttend,
                                        kAttend, kAttend, kTrim,   kFork,   kReload};
        return {kinds[number % kKinds], static_cast<int>(number / kKinds)};
    }
};

class Machine {
public:
    Machine(const lac_kernel_entry &entry, const std::string &tier, const std::string &pattern,
            int max_append, int max_rollback)
        : kernel_(find_kernel(entry, tier)),
          p_(problem(entry, pattern)),
          t_(p_),
          cache_(std::make_unique<Cached>(kernel_, pattern,
                                          options_of(p_, max_append, max_rollback))) {}

    void run(const Op &op) {
        switch (op.kind) {
            case Op::kAppend:
                append(1 + op.amount % cache_->options().max_append, op.amount % 8 == 0);
                break;
            case Op::kAttend: attend(1 + op.amount % cache_->options().max_append); break;
            case Op::kTrim: trim(op.amount % 24); break;
            case Op::kFork: fork(); break;
            case Op::kReload: reload(); break;
        }
        RC_ASSERT(cache_->tokens() == tokens_);
    }

private:
    static Problem problem(const lac_kernel_entry &entry, const std::string &pattern) {
        Problem p;
        p.pattern = pattern;
        p.heads = 4;
        p.kv_heads = 2;
        p.q_tokens = p.k_tokens = kContext;
        fit(p, entry);
        return p;
    }

    // A row of `to`; integers take a scale of their own first.
    void write(const TestTensor &to, int h, int i) {
        constexpr float kLargest = 4;
        std::normal_distribution<float> normal;
        const lac_tensor t = to.view();
        if (t.scales)
            const_cast<float *>(t.scales)[h * t.tokens + i] =
                kLargest / 127 * (1 + std::abs(normal(random_)));
        for (int d = 0; d < t.features; d++) to.at(0, h, i, d) = normal(random_);
    }

    // Keys that come again after a trim are others than before.
    void append(int count, bool poisoned) {
        if (tokens_ + count > kContext) {
            RC_ASSERT(cache_->append(t_, 0, count) == LAC_CACHE_FULL);
            return;
        }
        for (int h = 0; h < p_.kv_heads; h++) {
            for (int i = tokens_; i < tokens_ + count; i++) {
                write(t_.k, h, i);
                write(t_.v, h, i);
            }
        }
        if (poisoned) t_.v.at(0, 0, tokens_, 3) = std::nanf("");
        RC_ASSERT(cache_->append(t_, 0, count) == LAC_OK);
        tokens_ += count;
        high_ = std::max(high_, tokens_);
    }

    void attend(int queries) {
        if (tokens_ == 0) return;
        queries = std::min(queries, tokens_);
        const lac_status want =
            tokens_ - queries < cache_->state().shortest ? LAC_FORGOTTEN : LAC_OK;
        clear_output(t_);
        RC_ASSERT(step({cache_.get()}, p_, t_, {queries}, {}) == want);
        if (want != LAC_OK) return;
        const ResultBits got = last_rows(queries);
        RC_ASSERT(got == plain(queries));
    }

    // What a kept NaN makes of its feature is a NaN, of any bits.
    static float or_one_nan(float x) { return std::isnan(x) ? std::nanf("") : x; }

    ResultBits last_rows(int queries) const {
        ResultBits all;
        for (int h = 0; h < p_.heads; h++)
            for (int i = tokens_ - queries; i < tokens_; i++)
                for (int d = 0; d < p_.value_dim; d++)
                    all.push_back(bits_of(or_one_nan(t_.out.at(0, h, i, d))));
        return all;
    }

    ResultBits plain(int queries) {
        Problem p = p_;
        p.k_tokens = tokens_;
        p.q_tokens = queries;
        Views v(t_);
        v.q = tokens_of(v.q, 0, tokens_ - queries, queries);
        v.out = tokens_of(v.out, 0, tokens_ - queries, queries);
        v.k = tokens_of(v.k, 0, 0, tokens_);
        v.v = tokens_of(v.v, 0, 0, tokens_);
        clear_output(t_);
        Planned(kernel_, p, {}).call(v);
        return last_rows(queries);
    }

    void trim(int back) {
        const int to = std::max(tokens_ - back, 0);
        const lac_cache_options &o = cache_->options();
        const int shortest = cache_->state().shortest;
        RC_ASSERT(shortest <= std::max(high_ - o.max_append - o.max_rollback, 0));
        const bool kept = to == 0 || to >= shortest;
        RC_ASSERT(lac_cache_trim(cache_->get(), to) == (kept ? LAC_OK : LAC_FORGOTTEN));
        if (kept) tokens_ = to;
        if (to == 0) high_ = 0;
    }

    void fork() {
        auto copy = std::make_unique<Cached>(cache_->fork());
        std::memset(static_cast<void *>(cache_->get()), 0x7f, cache_->bytes());
        cache_ = std::move(copy);
    }

    void reload() {
        std::vector<uint8_t> image(lac_cache_image_bytes(cache_->get()));
        RC_ASSERT(lac_cache_save(cache_->get(), image.data(), image.size()) == LAC_OK);
        auto fresh = std::make_unique<Cached>(kernel_, p_.pattern, cache_->options());
        RC_ASSERT(lac_cache_load(fresh->get(), image.data(), image.size()) == LAC_OK);
        cache_ = std::move(fresh);
    }

    lac_kernel kernel_;
    Problem p_;
    Tensors t_;
    std::unique_ptr<Cached> cache_;
    std::mt19937 random_{7};
    int tokens_ = 0, high_ = 0;
};

class CacheStates : public testing::TestWithParam<KernelOnTier> {};

TEST_P(CacheStates, EveryStepGivesTheBitsOfPlainAttention) {
    const auto [index, tier] = GetParam();
    const lac_kernel_entry &entry = lac_kernels.kernels[index];
    EXPECT_TRUE(rc::check(entry.name + (" on " + tier), [&, &tier = tier] {
        const std::string pattern = *rc::gen::elementOf(
            std::vector<std::string>(std::begin(kPatterns), std::end(kPatterns)));
        const int max_append = *rc::gen::inRange(1, 40), back = *rc::gen::inRange(0, 24);
        const auto numbers = *rc::gen::container<std::vector<unsigned>>(
            *rc::gen::inRange(1, 160), rc::gen::inRange(0u, Op::kKinds * Op::kAmounts));
        Machine machine(entry, tier, pattern, max_append, back);
        for (const unsigned number : numbers) machine.run(Op::from(number));
    }));
}

// Each type that a cache can hold; heads as small as there are.
bool chosen(const lac_kernel_entry &e) {
    const std::string name = e.name;
    return name == "lac_attention_f32_d16" || name == "lac_attention_f16_d20" ||
           name == "lac_attention_f32_kvf16_d64" || name == "lac_attention_f32_kvint8_d64" ||
           name == "lac_attention_f16_kint8_d20" || name == "lac_attention_bf16_kf16_d96x24";
}
INSTANTIATE_TEST_SUITE_P(Kernels, CacheStates, kernels_on_tiers(chosen), kernel_on_tier_name);

}  // namespace
}  // namespace lacuna
