// Where candidates meet: on this machine, or on another one (remote_contest.h).
#pragma once
#include "cli/duel.h"
#include "cli/process.h"

namespace lacuna {

class Contest {
public:
    virtual ~Contest() = default;
    Contest() = default;
    Contest(const Contest &) = delete;
    Contest &operator=(const Contest &) = delete;

    // Of the children that the next two run in.
    virtual Limits limits() const = 0;
    virtual void compile(const Tile &tile) const = 0;
    // Throws a Failure, of kFinding when the candidate disagrees with the reference.
    virtual DuelResult meet(const Tile &candidate, const Tile &rival,
                            const Patience &patience) const = 0;

    virtual void forget(const Tile &tile) const = 0;    // what only it needs
    virtual void clean() const {}                       // behind a child that was killed
    virtual bool may_be_gone() const { return false; }  // the machine
};

class HostContest : public Contest {
public:
    explicit HostContest(const TuneJob &job) : job_(job) {}
    Limits limits() const override { return {60, size_t{4} << 30}; }
    void compile(const Tile &tile) const override;
    DuelResult meet(const Tile &candidate, const Tile &rival,
                    const Patience &patience) const override;
    void forget(const Tile &tile) const override;

private:
    const TuneJob &job_;
};

}  // namespace lacuna
