#include "cli/autotune_report.h"

#include <iostream>
#include <nlohmann/json.hpp>

#include "schedules/tile_text.h"

namespace lacuna {

namespace {

double gain_of(const DuelResult &d) { return d.rival / d.candidate; }

void print_json(const TuneJob &job, const Goal &goal, const TuneKey &key, const TunerResult &r,
                const std::optional<Winner> &winner) {
    nlohmann::ordered_json json{
        {"kernel", key.kernel},
        {"tier", key.tier},
        {"cpu", key.cpu},
        {"shape", key.shape},
        {"objective", objective_name(goal.objective)},
        {"start", tile_text(job.start())},
        {"tile", tile_text(winner ? winner->tile : job.start())},
        {"gain", winner ? gain_of(winner->duel) : 1},
        {"improved", winner.has_value()},
        {"trials", r.trials},
        {"resumed", r.resumed},
        {"failed", r.failed},
        {"space", r.space},
    };
    if (!goal.model.empty()) json["model"] = goal.model;
    const DuelResult *const d = winner ? &winner->duel : nullptr;
    if (d && d->candidate_counts && d->rival_counts) {
        json["start_counts"] = counts_json("", *d->rival_counts);
        json["tile_counts"] = counts_json("", *d->candidate_counts);
    } else if (d) {
        json["start_ms"] = d->rival;
        json["tile_ms"] = d->candidate;
        json["ratio"] = d->candidate_of_peak;
    }
    std::cout << json.dump(2) << '\n';
}

// "instructions 0.971, cycles of neoverse-n1 0.985": the Tile's by the start's.
std::string ratios_of(const CallCounts &tile, const CallCounts &start) {
    char text[80];
    const auto ratio = [&](const std::string &what, int64_t a, int64_t b) {
        std::snprintf(text, sizeof text, "%s %.3f", what.c_str(),
                      static_cast<double>(a) / static_cast<double>(b));
        return std::string(text);
    };
    std::string all = ratio(tile.unit, tile.executed, start.executed);
    for (size_t i = 0; i < std::min(tile.cycles.size(), start.cycles.size()); i++)
        all += ", " + ratio("cycles of " + tile.cycles[i].first, tile.cycles[i].second,
                            start.cycles[i].second);
    return all;
}

std::string found_text(const Goal &goal, const DuelResult &d) {
    char text[200];
    if (d.candidate_counts && d.rival_counts) {
        std::snprintf(text, sizeof text,
                      "%.3f M %s, start %.3f M; by the start's: ", d.candidate / 1e6,
                      goal.text().c_str(), d.rival / 1e6);
        return text + ratios_of(*d.candidate_counts, *d.rival_counts);
    }
    std::snprintf(text, sizeof text,
                  "%.3f times as fast in fresh processes (%.3f ms, start %.3f ms)", gain_of(d),
                  d.candidate, d.rival);
    std::string all = text;
    if (d.candidate_of_peak > 0) {
        std::snprintf(text, sizeof text, ", %.2f of the peak", d.candidate_of_peak);
        all += text;
    }
    return all;
}

}  // namespace

void report(bool json, const TuneJob &job, const Goal &goal, const TuneKey &key,
            const TunerResult &r, const std::optional<Winner> &winner, const TunedStore &store) {
    if (json) {
        print_json(job, goal, key, r, winner);
        return;
    }
    std::cout << key.kernel << ", " << key.tier << ", " << key.shape << ", " << key.cpu << ", by "
              << goal.text() << '\n'
              << "  " << r.trials << " trials, " << r.resumed << " from the log, of " << r.space
              << " Tiles; " << r.failed << " could not win\n"
              << "  start " << tile_text(job.start()) << '\n';
    if (winner)
        std::cout << "  found " << tile_text(winner->tile) << ": " << found_text(goal, winner->duel)
                  << "\n  kept in " << store.tuned_file().string() << '\n';
    else
        std::cout << "  none was better when measured again: the start stays\n";
}

}  // namespace lacuna
