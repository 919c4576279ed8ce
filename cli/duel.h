// Two Tiles of a kernel against each other: first the oracle, then the clock, in turns.
#pragma once
#include <string>
#include <vector>

#include "cli/bundle.h"
#include "cli/problem.h"

namespace lacuna {

// What is tuned, and what it is measured on.
struct TuneJob {
    lac_pattern pattern;
    KernelSpec kernel;
    ProblemSize size;
    int threads;
    bool decode;       // the few rows of a step, not the tile of prefill
    const Tier *tier;  // with code of its own
    Tiles usual;       // what generate takes now

    // With this Tile in place of the one that is tuned.
    BundleRequest request(const Tile &tile) const;
    const Tile &start() const { return decode ? usual.few : usual.tile; }
};

// Empty, or how the candidate disagrees with the float64 reference.
std::string disagreement(const TuneJob &job, const lac_bundle &candidate);

struct DuelResult {
    double candidate_ms, rival_ms;            // the least of all calls
    double median_ratio;                      // of the rounds' least times
    double candidate_of_peak, rival_of_peak;  // 0: no probe for the tier
    int rounds;
};
struct Patience {
    int rounds;            // at most
    double round_seconds;  // of each of the two
    double give_up;        // a candidate so much slower after a quarter of the rounds; 0: never
};
DuelResult duel(const TuneJob &job, const lac_bundle &candidate, const lac_bundle &rival,
                const Patience &patience);

}  // namespace lacuna
