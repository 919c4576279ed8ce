// The targets: which triples, which tiers of each, and what a tier means to Halide, to clang and
// to the runtime's dispatch. A new tier is a row in targets.cpp.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "Halide.h"
#include "schedules/schedule.h"

namespace lacuna {

struct Tier {
    const char *name;
    std::vector<Halide::Target::Feature> features;
    uint32_t cpu_features;  // bits of runtime/cpu.h that must all be present
    const char *shares;     // f32 code is that of this tier; null: its own
    const Schedule *schedule;
    Format format;
    Tile tile;
};

struct Platform {
    const char *arch;  // "x86_64"
    const char *os;    // "linux"
    Halide::Target::OS halide_os;
    const char *clang_triple;  // what the runtime's sources are compiled for
    const char *archive;       // llvm-ar format
    const char *examples;      // triples as users write them
};

struct TargetInfo {
    const Platform *platform;
    const std::vector<Tier> *tiers;  // best first
};

// All platforms, for `list targets` and messages.
const std::vector<Platform> &platforms();
// "x86_64-unknown-linux-gnu", "x86_64-linux-android", "x86_64-apple-macos", … or "host".
std::optional<TargetInfo> find_target(const std::string &triple);
const Tier *find_tier(const TargetInfo &target, const std::string &name);
// What Halide compiles a kernel of this tier for.
Halide::Target halide_target(const TargetInfo &target, const Tier &tier);

}  // namespace lacuna
