// The search of autotune: candidates are compiled side by side, then measured one at a time
// against the best so far, and every one is logged before the next.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "cli/contest.h"
#include "cli/objective.h"
#include "cli/tuned_store.h"
#include "cli/tuner_progress.h"

namespace lacuna {

struct TunerOptions {
    double budget_seconds;
    int trials;  // at most so many new ones; 0: no limit
    unsigned seed;
};

struct Candidate {
    Tile tile;
    double ratio;  // its time, or count, by that of the tier's own Tile
};

struct TunerResult {
    std::vector<Candidate> best;  // fastest first, a few
    int trials, resumed, failed;  // new, from the log, and of all those that may not win
    size_t space;
    bool stopped;  // by stop(), before trials or time were over
};

// Throws a Failure when the starting Tile itself cannot be compiled, or the log not be written, or
// another machine does not run it.
TunerResult tune(const TuneJob &job, const Contest &contest, const Goal &goal, const TuneKey &key,
                 const TunedStore &store, const TunerOptions &options, TunerProgress &progress,
                 const std::function<bool()> &stop);

}  // namespace lacuna
