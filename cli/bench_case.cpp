#include "cli/bench_case.h"

#include <algorithm>
#include <memory>
#include <random>

#include "bench/overshoot.h"
#include "bench/peak.h"
#include "cli/bench_router.h"
#include "cli/elements.h"
#include "cli/pattern_option.h"

namespace lacuna {

std::vector<float> normal_floats(int64_t rows, int32_t features, std::mt19937 &generator) {
    std::normal_distribution<float> distribution;
    std::vector<float> numbers(static_cast<size_t>(rows) * features);
    for (float &x : numbers) x = distribution(generator);
    return numbers;
}
Stored normal_numbers(int64_t rows, int32_t features, lac_type type, std::mt19937 &generator) {
    return stored_rows(normal_floats(rows, features, generator), type, features);
}

namespace {

struct RandomTensors {
    explicit RandomTensors(const ProblemSize &s)
        : generator(1),
          q(normal_numbers(s.rows(), s.head_dim, s.dtypes.q, generator)),
          k(normal_numbers(s.kv_rows(), s.head_dim, s.dtypes.k, generator)),
          v(normal_numbers(s.kv_rows(), s.value_dim, s.dtypes.v, generator)),
          out(static_cast<size_t>(s.rows() * s.value_dim) * lac_type_bytes(s.dtypes.q)) {}
    std::mt19937 generator;
    Stored q, k, v, out;
};

// All that takes turns in the rounds.
class Trial {
public:
    explicit Trial(const BenchCase &wanted)
        : case_(wanted), starts_(static_cast<size_t>(wanted.size.batch), wanted.size.q_start) {
        make_lists();
        problem_ = make_problem(case_.pattern, lists_.get());
        const char *all = case_.pattern.bidi ? "bidi/dense" : "dense";
        if (case_.dense) dense_ = make_problem(lac::pattern(all), nullptr);
        if (overshoot_)
            uncapped_ = make_problem(overshoot_->all_pattern(), overshoot_->all().get());
    }

    BenchEntry measured() {
        attend_in_turns(*problem_);
        if (dense_) attend_in_turns(*dense_);
        if (router_) calls_.push_back({[this] { router_->route(); }, {}});
        if (uncapped_) {
            attend_in_turns(*uncapped_);
            calls_.push_back({[this] { overshoot_->select(); }, {}});
        }
        double peak = 0;
        measure(calls_, case_.rounds, case_.min_seconds,
                [&] { peak = std::max(peak, fma_peak_gflops(problem_->tier(), case_.threads)); });
        return entry(peak);
    }

private:
    lac_shape shape() const { return case_.size.shape(starts_.data(), nullptr); }

    std::unique_ptr<Problem> make_problem(const lac_pattern &pattern, const lac_lists *lists) {
        return std::make_unique<Problem>(pattern, case_.size, lists, case_.threads, case_.test);
    }

    void make_lists() {
        const ListSource &source = case_.lists;
        if (source.router) {
            router_ = std::make_unique<BenchRouter>(
                find_kernel(case_.pattern, case_.size, case_.test), case_.pattern, case_.size,
                *source.router, case_.threads, tensors_.q.data(), tensors_.k.data());
            take(router_->route());
        } else if (source.random.overshoot > 0) {
            overshoot_ = std::make_unique<Overshoot>(source.random, case_.pattern, shape());
            take(overshoot_->select());
        } else {
            make_random_lists(source.random, case_.pattern, shape(), lists_);
        }
    }

    // A copy: the calls that are timed write over the chosen lists.
    void take(const lac_lists &chosen) {
        spread_globals(case_.lists.random.globals, case_.pattern, shape(), lists_);
        lists_.copy_rows(chosen);
        lac_list_error error{};
        lac::check(lists_.check(case_.pattern, shape(), error));
    }

    void attend_in_turns(Problem &problem) {
        calls_.push_back({[this, &problem] {
                              problem.attend(tensors_.q.data(), tensors_.k.data(),
                                             tensors_.v.data(), tensors_.out.data());
                          },
                          {}});
    }

    // What was listed, and how long its check takes; nothing for a pattern that reads no lists.
    std::optional<BenchLists> listed() {
        if (!lists_.get()) return std::nullopt;
        lac_list_error error{};
        const double check_us =
            best_microseconds([&] { lists_.check(case_.pattern, shape(), error); });
        return BenchLists{case_.lists, lists_.entries(), check_us};
    }

    BenchRoute routed(const Samples &samples, const std::optional<Samples> &dense) const {
        BenchRoute route{case_.lists.router.value_or(LAC_ROUTE_MINMAX), samples, {}};
        if (dense) route.share = samples.percentile(0) / dense->percentile(0);
        return route;
    }

    BenchEntry entry(double peak) {
        BenchEntry e{};
        e.pattern = canonical(case_.pattern);
        e.kernel = problem_->kernel();
        e.tier = problem_->tier();
        e.size = case_.size;
        e.threads = case_.threads;
        // In the order of measured().
        auto next = calls_.begin();
        e.samples = (next++)->samples;
        if (dense_) e.dense = (next++)->samples;
        if (router_) e.route = routed((next++)->samples, e.dense);
        if (uncapped_)
            e.overshoot = {case_.lists.random.overshoot, next[0].samples,
                           uncapped_->attended_pairs(), next[1].samples};
        e.attended_pairs = problem_->attended_pairs();
        e.crossover = problem_->crossover();
        e.peak_gflops = peak;
        e.workspace_bytes = problem_->workspace_bytes();
        e.plan_microseconds = problem_->plan_microseconds();
        e.lists = listed();
        return e;
    }

    const BenchCase &case_;
    const std::vector<int32_t> starts_;
    RandomTensors tensors_{case_.size};
    Lists lists_;
    std::unique_ptr<BenchRouter> router_;
    std::unique_ptr<Overshoot> overshoot_;
    std::unique_ptr<Problem> problem_, dense_, uncapped_;
    std::vector<Timed> calls_;
};

}  // namespace

BenchEntry measure(const BenchCase &wanted) { return Trial(wanted).measured(); }

}  // namespace lacuna
