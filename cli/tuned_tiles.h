// The tuned database as bundles ask it.
#pragma once
#include <string>

#include "cli/bundle.h"

namespace lacuna {

// The model of this machine's CPU as /proc/cpuinfo has it, or "unknown".
std::string cpu_model();

struct TunedUse {
    std::string from = "all";  // "builtin": not the user's; "none": the tiers' own Tiles
    std::string cpu;           // whose entries; empty: this machine's
    int tokens = 4096;         // of sequences
    bool warn = false;         // of stale entries, on stderr
};
ChooseTiles tuned_tiles(const TunedUse &use);

}  // namespace lacuna
