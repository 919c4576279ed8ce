// Two Tiles of a kernel against each other: first the oracle, then the clock, in turns.
#pragma once
#include <algorithm>
#include <optional>
#include <string>

#include "cli/block_cycles.h"
#include "cli/tune_job.h"

namespace lacuna {

// Empty, or how the candidate disagrees with the float64 reference.
std::string disagreement(const TuneJob &job, const lac_bundle &candidate);

struct DuelResult {
    double candidate, rival;                  // the least milliseconds of all calls, or counts
    double median_ratio;                      // of the rounds' least times; of counts the ratio
    double candidate_of_peak, rival_of_peak;  // 0: no probe for the tier
    int rounds;
    std::optional<CallCounts> candidate_counts = std::nullopt, rival_counts = std::nullopt;

    // The worse of two: the least of all calls, or the middle one of the rounds.
    double ratio() const { return std::max(candidate / rival, median_ratio); }
};
// A line, as children say it to their parents.
std::string duel_text(const DuelResult &d);
std::optional<DuelResult> parse_duel(const std::string &output);  // beside lines of others

struct Patience {
    int rounds;            // at most
    double round_seconds;  // of each of the two
    double give_up;        // a candidate so much slower after a quarter of the rounds; 0: never
};
DuelResult duel(const TuneJob &job, const lac_bundle &candidate, const lac_bundle &rival,
                const Patience &patience);

}  // namespace lacuna
