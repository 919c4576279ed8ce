// Attention on another machine: a driver for its triple is built, run by a command of the user's,
// and what it found is brought back.
#pragma once
#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/block_cycles.h"
#include "cli/elements.h"
#include "cli/measure.h"
#include "cli/problem.h"
#include "runtime/include/lacuna/cache.h"

namespace lacuna {

struct Remote {
    std::string target, runner;  // empty: this machine

    explicit operator bool() const { return !target.empty() || !runner.empty(); }
};
void add_remote_options(CLI::App &command, Remote &remote);

// Q, K and V go through one call; or through caches, of which the last queries' step is measured,
// or all steps, so many tokens at a time.
struct Through {
    enum Path { kCall, kLastStep, kSteps };
    Path path = kCall;
    int32_t chunk = 0;

    static Through of_phase(bool decode, const ProblemSize &size) {
        return decode ? Through{kLastStep, size.q_tokens} : Through{};
    }
};

struct RemoteProblem {
    std::vector<lac_pattern> patterns;  // that take turns, all but the first for their times alone
    ProblemSize size;
    Through through;
    int threads;
    lac_args settings;
    int rounds;            // 0: one call of the first pattern, which is counted if `counted`
    double min_seconds;    // of each pattern
    Stored q, k, v;        // as stored_rows() has them, in C order
    bool counted = false;  // where the runner can; with rounds always
    const lac_lists *lists = nullptr;  // checked, of the first pattern
    bool rival = false;                // the last pattern is the other bundle's (RemoteDriver)
};

struct RemoteCall {
    std::string kernel, tier;
    int64_t attended_pairs;
    int32_t crossover;
    size_t workspace_bytes;
    double plan_microseconds;
    size_t cache_bytes;  // of steps, as the state of each cache
    lac_cache_state state;
    double check_microseconds;         // of lists; NaN without a clock
    Samples samples;                   // none where there is no clock
    std::optional<CallCounts> counts;  // of one call, by an emulator
};

struct RemoteResult {
    std::vector<RemoteCall> calls;
    Stored out;  // of the last call
    std::vector<float> log_sum_exp;
};

// Throws a Failure that says what was missing: compiler, runner, or what the driver ended with.
RemoteResult attend_remotely(const Remote &remote, KeepTest test, const RemoteProblem &problem);

}  // namespace lacuna
