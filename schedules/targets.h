// The targets: which triples, which tiers of each, and what a tier means to Halide, to clang and
// to the runtime's dispatch. A new tier is a row in targets.cpp.
#pragma once
#include <string>
#include <vector>

#include "Halide.h"
#include "schedules/schedule.h"

namespace lacuna {

// An instruction-set level within a triple.
struct Tier {
    const char *name;
    std::vector<Halide::Target::Feature> features;
    uint32_t cpu_features;  // bits of runtime/cpu.h that must all be present
    const char *shares;     // its code is that of this tier; null: its own
    const Schedule *schedule;
    Format format;
    Tile tile;
    Tile few;     // of kernels for a few rows: the query heads that share a KV head, and a list
    Tile single;  // of kernels for one row, whose blocks hold more keys or features instead
    bool on_request = false;       // generated only when --tiers names it
    bool own_integers = false;     // not shared: products of 8-bit keys or values
    const char *halves = nullptr;  // the tier with its code for arithmetic in f16; null: none
};

// A family of triples that are compiled alike.
struct Platform {
    const char *arch;  // as triples begin: "x86_64"
    const char *os;    // "linux", "android", "macos", "windows"
    Halide::Target::Arch halide_arch;
    int bits;
    Halide::Target::OS halide_os;
    const char *clang_triple;        // what the runtime's sources are compiled for
    const char *archive;             // llvm-ar's format
    const char *tested;              // how its kernels were last run
    const char *examples;            // triples as users write them
    const std::vector<Tier> *tiers;  // best first
};

// All platforms, for `list targets` and messages.
const std::vector<Platform> &platforms();
// "x86_64-unknown-linux-gnu", "x86_64-linux-android", "x86_64-apple-macos", … or "host"; null when
// the triple is not supported.
const Platform *find_platform(const std::string &triple);
const Tier *find_tier(const Platform &platform, const std::string &name);
// Whose code a tier runs where kernels compute in f16; null: it computes in f32.
const Tier *halves_of(const Platform &platform, const Tier &tier);
// Those that are not only on request.
std::vector<const Tier *> default_tiers(const Platform &platform);
// What Halide compiles a kernel of this tier for.
Halide::Target halide_target(const Platform &platform, const Tier &tier);

}  // namespace lacuna
