// The tuned database: which Tile a kernel takes on a tier. Entries that lacuna carries come first,
// the user's replace them.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "schedules/tile.h"

namespace lacuna {

// The tokens that one tuning serves.
struct ShapeClass {
    std::string phase;         // "prefill": tiles of many rows; "decode": the few of a step
    int least, most;           // tokens of a sequence; most 0: no limit
    std::string name() const;  // "prefill:2049-16384"
};
ShapeClass shape_class(const std::string &phase, int tokens);

struct TuneKey {
    std::string kernel, tier, cpu, shape;
    int algorithm;
    std::string text() const;
};

struct TunedEntry {
    TuneKey key;
    Tile tile;
    double gain;                     // the starting Tile's time, or count, by this one's
    std::string date;                // "2026-11-25T09:00:00Z"
    std::string objective = "time";  // or what else was measured: "instructions", "cycles"
};

// Reads and writes {"lacuna_tuned": 1, "entries": [...]}. A Failure names `name` and the entry.
std::vector<TunedEntry> parse_tuned(const std::string &text, const std::string &name);
std::string tuned_json(const std::vector<TunedEntry> &entries);

// Of two entries of a key the later stays; of two of one date the first. In the keys' order.
std::vector<TunedEntry> merged(const std::vector<TunedEntry> &a, const std::vector<TunedEntry> &b);

struct Wanted {
    std::string kernel, tier, cpu, phase;
    int tokens;
};
struct Choice {
    Tile tile;
    std::string from;  // "tuned for AMD EPYC, prefill:2049-16384, built in"
};

class TunedDatabase {
public:
    TunedDatabase(std::vector<TunedEntry> builtin, std::vector<TunedEntry> user)
        : builtin_(std::move(builtin)), user_(std::move(user)) {}

    // The user's entry for this CPU, else a built-in one for it, else a built-in one of another
    // CPU; none: the tier's own Tile. Only entries of this algorithm and of the shape class apply.
    std::optional<Choice> choose(const Wanted &wanted) const;
    // Entries that would apply were they of this algorithm.
    std::vector<TunedEntry> stale(const Wanted &wanted) const;

private:
    std::vector<TunedEntry> builtin_, user_;
};

std::vector<TunedEntry> builtin_tuned();

}  // namespace lacuna
