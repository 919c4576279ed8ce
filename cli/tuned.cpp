#include "cli/tuned.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/embedded.h"
#include "cli/errors.h"
#include "cli/spec_json.h"
#include "schedules/tile_text.h"

namespace lacuna {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {

// Where caches end: K and V of a head in L2, in L3, in memory.
constexpr int kEdges[] = {512, 2048, 16384};

TunedEntry entry_of(const json &row, const std::string &where) {
    check_members(
        row, where,
        {"kernel", "tier", "cpu", "shape", "algorithm", "tile", "gain", "date", "objective"});
    const auto text = [&](const char *key) {
        if (!row.contains(key)) throw bad_input(where + " has no " + key);
        return text_of(row[key], where + "." + key);
    };
    TunedEntry e{
        {text("kernel"), text("tier"), text("cpu"), text("shape"), 0}, {}, 1, text("date")};
    if (!row.contains("algorithm")) throw bad_input(where + " has no algorithm");
    e.key.algorithm = whole_number(row["algorithm"], where + ".algorithm");
    if (!parse_tile(text("tile"), e.tile))
        throw bad_input(where + ".tile is \"" + text("tile") +
                        R"(", expected numbers as in "12,6,6,1,2,1,1")");
    if (!row.contains("gain") || !row["gain"].is_number())
        throw bad_input(where + ".gain: expected a number");
    e.gain = row["gain"].get<double>();
    if (row.contains("objective")) e.objective = text("objective");
    return e;
}

bool fits(const TuneKey &key, const Wanted &w) {
    return key.kernel == w.kernel && key.tier == w.tier &&
           key.shape == shape_class(w.phase, w.tokens).name();
}

const TunedEntry *find(const std::vector<TunedEntry> &entries, const Wanted &w, bool any_cpu) {
    for (const TunedEntry &e : entries)
        if (fits(e.key, w) && e.key.algorithm == kAlgorithmVersion &&
            (any_cpu || e.key.cpu == w.cpu))
            return &e;
    return nullptr;
}

}  // namespace

std::string ShapeClass::name() const {
    return phase + ":" + std::to_string(least) + "-" + (most > 0 ? std::to_string(most) : "");
}

ShapeClass shape_class(const std::string &phase, int tokens) {
    int least = 1;
    for (const int edge : kEdges) {
        if (tokens <= edge) return {phase, least, edge};
        least = edge + 1;
    }
    return {phase, least, 0};
}

std::string TuneKey::text() const {
    return kernel + " " + tier + " " + shape + " " + std::to_string(algorithm) + " " + cpu;
}

std::vector<TunedEntry> parse_tuned(const std::string &text, const std::string &name) {
    const json root = json::parse(text, nullptr, false);
    if (!root.is_object() || !root.contains("lacuna_tuned") || !root.contains("entries") ||
        !root["entries"].is_array())
        throw bad_input(name +
                        ": is no tuned database, expected {\"lacuna_tuned\": 1, "
                        "\"entries\": [...]}");
    if (root["lacuna_tuned"] != 1)
        throw bad_input(name + ": has format " + root["lacuna_tuned"].dump() + ", expected 1");
    std::vector<TunedEntry> entries;
    for (const json &row : root["entries"])
        entries.push_back(entry_of(row, name + ": entry " + std::to_string(entries.size())));
    return entries;
}

std::string tuned_json(const std::vector<TunedEntry> &entries) {
    ordered_json rows = ordered_json::array();
    for (const TunedEntry &e : entries) {
        rows.push_back({{"kernel", e.key.kernel},
                        {"tier", e.key.tier},
                        {"cpu", e.key.cpu},
                        {"shape", e.key.shape},
                        {"algorithm", e.key.algorithm},
                        {"tile", tile_text(e.tile)},
                        {"gain", e.gain},
                        {"date", e.date},
                        {"objective", e.objective}});
    }
    return ordered_json{{"lacuna_tuned", 1}, {"entries", rows}}.dump(2) + "\n";
}

std::vector<TunedEntry> merged(const std::vector<TunedEntry> &a, const std::vector<TunedEntry> &b) {
    std::map<std::string, TunedEntry> latest;
    for (const auto *entries : {&a, &b}) {
        for (const TunedEntry &e : *entries) {
            const auto [place, added] = latest.emplace(e.key.text(), e);
            if (!added && place->second.date < e.date) place->second = e;
        }
    }
    std::vector<TunedEntry> all;
    for (const auto &[key, entry] : latest) all.push_back(entry);
    return all;
}

std::optional<Choice> TunedDatabase::choose(const Wanted &w) const {
    const auto said = [](const TunedEntry &e, const char *where) {
        return Choice{e.tile, "tuned for " + e.key.cpu + ", " + e.key.shape + ", " + where};
    };
    if (const TunedEntry *e = find(user_, w, false)) return said(*e, "user's");
    if (const TunedEntry *e = find(builtin_, w, false)) return said(*e, "built in");
    if (const TunedEntry *e = find(builtin_, w, true)) return said(*e, "built in");
    return std::nullopt;
}

std::vector<TunedEntry> TunedDatabase::stale(const Wanted &w) const {
    std::vector<TunedEntry> old;
    for (const auto *entries : {&builtin_, &user_})
        for (const TunedEntry &e : *entries)
            if (fits(e.key, w) && e.key.algorithm != kAlgorithmVersion) old.push_back(e);
    return old;
}

std::vector<TunedEntry> builtin_tuned() {
    std::vector<TunedEntry> all;
    for (const EmbeddedFile &file : embedded_files())
        if (file.path.rfind("schedules/tuned/", 0) == 0)
            all = merged(all, parse_tuned(std::string(file.text), std::string(file.path)));
    return all;
}

}  // namespace lacuna
