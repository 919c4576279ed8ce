// What autotune says while it works: one line that changes on a terminal, elsewhere a line every
// ten seconds.
#pragma once
#include <chrono>
#include <string>

#include "schedules/tile.h"

namespace lacuna {

struct TunerState {
    int trials, most_trials;  // 0: no limit but time
    double elapsed, budget;   // seconds
    Tile best;
    double ratio;         // the best's time by the starting Tile's
    double of_peak;       // 0: unknown
    std::string counted;  // "instructions", where ratio is of them and not of times
};

// "14 trials, best 12,6,6,2,4,1: 1.064 times as fast, 0.71 of the peak, 8:12 left"
std::string progress_text(const TunerState &state);

class TunerProgress {
public:
    explicit TunerProgress(bool quiet);
    ~TunerProgress();
    TunerProgress(const TunerProgress &) = delete;
    TunerProgress &operator=(const TunerProgress &) = delete;
    void show(const TunerState &state);

private:
    bool quiet_, terminal_, drawn_ = false;
    std::chrono::steady_clock::time_point last_;
};

}  // namespace lacuna
