// What autotune makes less of: time, or what an emulator counts of a call.
#pragma once
#include <string>

#include "cli/block_cycles.h"
#include "cli/remote_driver.h"

namespace lacuna {

enum class Objective { kTime, kInstructions, kCycles };
const char *objective_name(Objective objective);  // as options, entries and the log have it

struct Goal {
    Objective objective = Objective::kTime;
    std::string model;  // of cycles: whose they are

    bool counted() const { return objective != Objective::kTime; }
    std::string text() const;  // "time", "instructions", "cycles of neoverse-n1"
    double of(const CallCounts &counts) const;
};

// The CPU with the same pipelines that llvm-mca knows, of kModelledCpus; empty: none.
std::string model_of(const std::string &cpu);

// `text` names an objective; empty: cycles where they are known, else instructions, else time.
// `there` is the other machine with a CPU `cpu`, or null. Throws a Failure for what cannot be had.
Goal goal_of(const std::string &text, const RemoteDriver *there, const std::string &cpu);

}  // namespace lacuna
