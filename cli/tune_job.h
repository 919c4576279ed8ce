// What autotune tunes, and how a candidate's results are checked.
#pragma once
#include <string>
#include <vector>

#include "cli/bundle.h"
#include "cli/problem.h"
#include "cli/tensors.h"

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
    const Platform *platform = find_platform("host");

    // With this Tile in place of the one that is tuned.
    Tiles tiles(const Tile &tile) const;
    BundleRequest request(const Tile &tile, const std::string &name = "lac_tuned") const;
    const Tile &start() const { return decode ? usual.few : usual.tile; }
    // The tier's own: ratios are to its results, whatever generate takes now.
    const Tile &base() const { return decode ? tier->few : tier->tile; }
};

// A call whose result is compared with the float64 reference.
struct CheckedCall {
    Tensors tensors;
    Stored q, k, v;
};
std::vector<ProblemSize> checked_sizes(const TuneJob &job);
CheckedCall checked_call(const ProblemSize &size);
// Empty, or how the result disagrees.
std::string disagreement(const TuneJob &job, const CheckedCall &call, const Stored &out,
                         const std::vector<float> &log_sum_exp);

}  // namespace lacuna
