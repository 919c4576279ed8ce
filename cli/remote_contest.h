// Candidates on another machine. Of time, candidate and rival take turns in one run of one driver.
// Counts are the same in every run: each Tile is counted once, by itself.
#pragma once
#include "cli/contest.h"
#include "cli/objective.h"
#include "cli/scratch.h"

namespace lacuna {

class RemoteContest : public Contest {
public:
    RemoteContest(const TuneJob &job, const RemoteDriver &there, Goal goal);
    // An emulator reserves all that a machine of 32 bits can address, and more for itself.
    Limits limits() const override { return {60, size_t{16} << 30}; }
    void compile(const Tile &tile) const override;
    DuelResult meet(const Tile &candidate, const Tile &rival,
                    const Patience &patience) const override;
    void forget(const Tile &) const override {}
    void clean() const override { there_.runner().clean(); }
    bool may_be_gone() const override { return true; }

private:
    void check(const std::filesystem::path &folder) const;
    RemoteProblem problem(bool rival, const Patience &patience) const;
    CallCounts counted(const Tile &tile) const;
    DuelResult timed(const Tile &candidate, const Tile &rival, const Patience &patience) const;

    const TuneJob &job_;
    const RemoteDriver &there_;
    const Goal goal_;
    const Scratch scratch_;  // of the parent: what children leave there goes with it
};

}  // namespace lacuna
