#include "cli/measure.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <limits>
#include <numeric>

namespace lacuna {

namespace {

using Clock = std::chrono::steady_clock;

// Of all threads of this process.
double cpu_milliseconds() {
    timespec time{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) * 1e-6;
}

double since(Clock::time_point start) {
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

void sample(Timed &timed, int least, double milliseconds) {
    const double cpu = cpu_milliseconds();
    const auto first = Clock::now();
    for (int i = 0; i < least || since(first) < milliseconds; i++) {
        const auto start = Clock::now();
        timed.call();
        timed.samples.add(since(start));
    }
    timed.samples.end_round();
    timed.samples.add_cpu(cpu_milliseconds() - cpu);
}

}  // namespace

double Samples::percentile(double percent) const {
    if (ms_.empty()) return std::numeric_limits<double>::quiet_NaN();
    std::vector<double> sorted = ms_;
    const double rank = std::ceil(percent / 100 * static_cast<double>(sorted.size()));
    const auto place = sorted.begin() + std::max<int64_t>(0, static_cast<int64_t>(rank) - 1);
    std::nth_element(sorted.begin(), place, sorted.end());
    return *place;
}

void Samples::end_round() {
    if (in_rounds_ == ms_.size()) return;
    round_minima_.push_back(
        *std::min_element(ms_.begin() + static_cast<long>(in_rounds_), ms_.end()));
    in_rounds_ = ms_.size();
}

double Samples::mean() const {
    return std::accumulate(ms_.begin(), ms_.end(), 0.0) / static_cast<double>(count());
}

void measure(std::vector<Timed> &calls, int rounds, double min_seconds,
             const std::function<void()> &before_round) {
    const int least = (kLeastSamples + rounds - 1) / rounds;
    for (const Timed &timed : calls) timed.call();
    for (int round = 0; round < rounds; round++) {
        before_round();
        for (Timed &timed : calls) sample(timed, least, 1e3 * min_seconds / rounds);
    }
}

double best_microseconds(const std::function<void()> &call) {
    constexpr int kCalls = 5;
    double best = 0;
    for (int i = 0; i < kCalls; i++) {
        const auto start = Clock::now();
        call();
        const double elapsed = 1e3 * since(start);
        best = i == 0 ? elapsed : std::min(best, elapsed);
    }
    return best;
}

}  // namespace lacuna
