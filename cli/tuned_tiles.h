// The tuned database as bundles ask it.
#pragma once
#include <string>

#include "cli/bundle.h"

namespace lacuna {

// The model of this machine's CPU as /proc/cpuinfo has it, or "unknown".
std::string cpu_model();

// A tier as entries name it: arm-32's neon is armv7, since arm-64 has another one.
std::string tuned_tier(const Platform &platform, const Tier &tier);

struct TunedUse {
    std::string from = "all";            // "builtin": not the user's; "none": the tiers' own Tiles
    const Platform *platform = nullptr;  // null: this machine's
    std::string cpu;                     // whose entries; empty: this machine's, if it is its own
    int tokens = 4096;                   // of sequences
    bool warn = false;                   // of stale entries, on stderr
};
ChooseTiles tuned_tiles(const TunedUse &use);

}  // namespace lacuna
