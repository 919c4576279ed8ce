#include "cli/autotune_finals.h"

#include <cstdio>
#include <fstream>

#include "cli/errors.h"
#include "schedules/tile_text.h"

namespace lacuna {

namespace {

constexpr double kLeastGain = 0.99;

Tile tile_in(const std::string &option, const std::string &text) {
    Tile tile{};
    if (!parse_tile(text, tile)) throw usage(option + " " + text + ": expected a Tile");
    return tile;
}

DuelResult confirmed(const Tile &tile, const Tile &rival, const std::function<bool()> &stop) {
    std::ifstream file("/proc/self/cmdline", std::ios::binary);
    std::vector<std::string> command{"/proc/self/exe"};
    std::string word;
    std::getline(file, word, '\0');
    while (std::getline(file, word, '\0')) command.push_back(word);
    command.insert(command.end(), {"--confirm", tile_text(tile), "--against", tile_text(rival)});
    const Finished finished = run_process(command);
    if (stop())
        throw Failure(kFinding,
                      "stopped while measuring the best again; all trials are kept, and "
                      "the same command goes on from there");
    const auto duel = finished.exit_code == 0 ? parse_duel(finished.output) : std::nullopt;
    if (!duel)
        throw Failure(finished.exit_code == kBadInput ? kBadInput : kInternal,
                      "measuring " + tile_text(tile) + " again: " + finished.output);
    return *duel;
}

// In each of some fresh processes faster, by more than two runs of one Tile differ; of them the one
// with the least gain. A process alone says little of what is bound by memory: one Tile against
// itself differs by 10 %, with where the system put the pages of either side. Counts do not.
std::optional<DuelResult> better_always(const Tile &tile, const Tile &rival, double most,
                                        const Goal &goal, const std::function<bool()> &stop) {
    const int processes = goal.counted() ? 1 : 3;
    std::optional<DuelResult> least;
    for (int i = 0; i < processes; i++) {
        const DuelResult d = confirmed(tile, rival, stop);
        if (d.candidate >= d.rival || d.median_ratio >= most) return std::nullopt;
        if (!least || d.candidate / d.rival > least->candidate / least->rival) least = d;
    }
    return least;
}

}  // namespace

void confirm(const Contest &contest, const std::string &candidate, const std::string &rival) {
    const Tile a = tile_in("--confirm", candidate), b = tile_in("--against", rival);
    constexpr Patience kFinal{40, 0.05, 0};
    const ForkedTask tasks[] = {
        {candidate,
         [&] {
             contest.compile(a);
             contest.compile(b);
         }},
        {candidate, [&] { std::printf("%s", duel_text(contest.meet(a, b, kFinal)).c_str()); }}};
    for (const ForkedTask &task : tasks) {
        const Finished finished = run_each({task}, 1, contest.limits(), [] { return false; })[0];
        if (finished.exit_code == kTimedOut) contest.clean();
        if (finished.exit_code != 0)
            throw Failure(finished.exit_code == kBadInput ? kBadInput : kInternal, finished.output);
        std::fputs(finished.output.c_str(), stdout);
    }
}

std::optional<Winner> winner_of(const TuneJob &job, const Goal &goal, const TunerResult &result,
                                const std::function<bool()> &stop) {
    double start = 1;
    for (const Candidate &c : result.best)
        if (c.tile == job.start()) start = c.ratio;
    for (const Candidate &c : result.best) {
        if (c.tile == job.start() || c.ratio >= kLeastGain * start) continue;
        const auto least = better_always(c.tile, job.start(), kLeastGain, goal, stop);
        if (!least) continue;
        // The start may be another one, tuned when something else was measured.
        const bool others = job.start() != job.base() && c.tile != job.base();
        if (others && !better_always(c.tile, job.base(), 1, goal, stop)) continue;
        return Winner{c.tile, *least};
    }
    return std::nullopt;
}

}  // namespace lacuna
