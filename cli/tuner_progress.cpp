#include "cli/tuner_progress.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "schedules/tile_text.h"

namespace lacuna {

namespace {

double done_of(const TunerState &s) {
    const double time = s.budget > 0 ? s.elapsed / s.budget : 0;
    const double trials = s.most_trials > 0 ? static_cast<double>(s.trials) / s.most_trials : 0;
    return std::clamp(std::max(time, trials), 0.0, 1.0);
}

std::string bar(double done) {
    constexpr int kWidth = 20;
    const int full = static_cast<int>(done * kWidth);
    return "[" + std::string(static_cast<size_t>(full), '#') +
           std::string(static_cast<size_t>(kWidth - full), '.') + "] ";
}

}  // namespace

std::string progress_text(const TunerState &s) {
    char text[200];
    const int left = std::max(0, static_cast<int>(std::lround(s.budget - s.elapsed)));
    const bool timed = s.counted.empty();
    std::snprintf(text, sizeof text, "%d trials, best %s: %.3f %s", s.trials,
                  tile_text(s.best).c_str(), timed ? 1 / s.ratio : s.ratio,
                  timed ? "times as fast" : ("of the " + s.counted).c_str());
    std::string line = text;
    if (s.of_peak > 0) {
        std::snprintf(text, sizeof text, ", %.2f of the peak", s.of_peak);
        line += text;
    }
    std::snprintf(text, sizeof text, ", %d:%02d left", left / 60, left % 60);
    return line + text;
}

TunerProgress::TunerProgress(bool quiet)
    : quiet_(quiet), terminal_(::isatty(STDERR_FILENO) != 0), last_() {}

TunerProgress::~TunerProgress() {
    if (drawn_) std::fprintf(stderr, "\n");
}

void TunerProgress::show(const TunerState &state) {
    if (quiet_) return;
    const auto now = std::chrono::steady_clock::now();
    if (terminal_) {
        std::fprintf(stderr, "\r\033[K%s%s", bar(done_of(state)).c_str(),
                     progress_text(state).c_str());
        drawn_ = true;
    } else if (now - last_ >= std::chrono::seconds(10)) {
        std::fprintf(stderr, "%s\n", progress_text(state).c_str());
        last_ = now;
    }
}

}  // namespace lacuna
