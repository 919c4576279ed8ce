// Timing of calls that take turns, so that a machine that slows down slows all of them.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

namespace lacuna {

class Samples {
public:
    void add(double milliseconds) { ms_.push_back(milliseconds); }
    // What was added since the last call of this is a round.
    void end_round();
    void add_cpu(double milliseconds) { cpu_ms_ += milliseconds; }

    int64_t count() const { return static_cast<int64_t>(ms_.size()); }
    double percentile(double percent) const;  // nearest rank; 0 is the minimum. NaN: none
    double mean() const;
    double mean_cpu() const { return cpu_ms_ / static_cast<double>(count()); }

    // The least of each round: of calls side by side one slow moment slows many, of rounds one.
    const std::vector<double> &round_minima() const { return round_minima_; }

private:
    std::vector<double> ms_, round_minima_;
    size_t in_rounds_ = 0;
    double cpu_ms_ = 0;
};

struct Timed {
    std::function<void()> call;
    Samples samples;
};

// Calls each once to warm up, then in every round `before_round` and each for its share of
// min_seconds: at least kLeastSamples calls in all.
constexpr int kLeastSamples = 5;
void measure(std::vector<Timed> &calls, int rounds, double min_seconds,
             const std::function<void()> &before_round);

// The best of a few calls.
double best_microseconds(const std::function<void()> &call);

}  // namespace lacuna
