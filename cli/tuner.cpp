#include "cli/tuner.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "cli/errors.h"
#include "cli/process.h"
#include "cli/sampler.h"
#include "cli/tile_space.h"
#include "schedules/tile_text.h"

namespace lacuna {

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kFinalists = 3;
constexpr Patience kTrial{16, 0.02, 0.4};

// Of vectors.
int registers_of(const TuneJob &job) {
    const Platform &p = *job.platform;
    switch (p.halide_arch) {
        case Halide::Target::X86: return job.tier->format.lanes == 16 ? 32 : 16;
        case Halide::Target::ARM: return p.bits == 64 ? 32 : 16;
        case Halide::Target::RISCV: return 32;
        default: return 16;
    }
}

SpaceRequest space_of(const TuneJob &job) {
    return {job.tier->format, registers_of(job),   job.kernel.head_dim, job.kernel.value_dim,
            job.decode,       job.usual.tile.rows, job.start(),         job.kernel.dtypes.halves()};
}

class Tuner {
public:
    Tuner(const TuneJob &job, const Contest &contest, const Goal &goal, const TuneKey &key,
          const TunedStore &store, const TunerOptions &options, TunerProgress &progress,
          const std::function<bool()> &stop)
        : job_(job),
          contest_(contest),
          goal_(goal),
          key_(key),
          store_(store),
          options_(options),
          progress_(progress),
          stop_(stop),
          sampler_(tile_space(space_of(job)), options.seed) {
        best_ = {{job_.base(), 1}};
        sampler_.add(job_.base(), 1);
    }

    TunerResult run() {
        resume();
        compile_start();
        if (contest_.may_be_gone()) meet_itself();
        measure_start();
        while (!over()) {
            const std::vector<Tile> batch = sampler_.next(batch_size());
            if (batch.empty()) break;
            const std::vector<Finished> compiled = compile(batch);
            for (size_t i = 0; i < batch.size() && !stop_(); i++) measure(batch[i], compiled[i]);
        }
        return {finalists(), trials_, resumed_, failed_, sampler_.size(), stop_()};
    }

private:
    double elapsed() const { return std::chrono::duration<double>(Clock::now() - begin_).count(); }
    bool over() const {
        return stop_() || elapsed() >= options_.budget_seconds ||
               (options_.trials > 0 && trials_ >= options_.trials);
    }
    int batch_size() const {
        const int left = options_.trials > 0 ? options_.trials - trials_ : processors();
        return std::min(left, processors());
    }

    void resume() {
        const TunedStore::Trials log = store_.trials(key_, objective_name(goal_.objective));
        if (log.damaged > 0)
            std::fprintf(stderr, "lacuna: %zu damaged lines of %s were set aside in %s\n",
                         log.damaged, store_.log_file().c_str(), store_.damaged_file().c_str());
        for (const TrialRecord &r : log.records) {
            resumed_++;
            take(r);
        }
    }

    void take(const TrialRecord &r) {
        if (r.state != "ok") {
            failed_++;
            sampler_.add_failed(r.tile);
            return;
        }
        if (r.tile == job_.base()) return;  // is there
        sampler_.add(r.tile, r.ratio);
        best_.push_back({r.tile, r.ratio});
        std::sort(best_.begin(), best_.end(),
                  [](const Candidate &a, const Candidate &b) { return a.ratio < b.ratio; });
    }

    std::vector<Finished> compile(const std::vector<Tile> &tiles, double times = 1) {
        std::vector<ForkedTask> tasks;
        for (const Tile &tile : tiles)
            tasks.push_back({tile_text(tile), [this, tile] { contest_.compile(tile); }});
        Limits limits = contest_.limits();
        limits.seconds *= times;
        return run_each(tasks, processors(), limits, stop_);
    }

    void compile_start() {
        std::vector<Tile> tiles{job_.base()};
        if (best_.front().tile != job_.base()) tiles.push_back(best_.front().tile);
        // One after the other: they share what is not tuned, a dozen functions.
        for (const Tile &tile : tiles) {
            const Finished finished = compile({tile}, 5)[0];
            if (finished.exit_code != 0 && !stop_()) throw failure_of(tile, finished);
        }
    }

    static Failure failure_of(const Tile &tile, const Finished &finished) {
        const std::string which = "the Tile " + tile_text(tile) + ": ";
        const int code = finished.exit_code;
        if (code == kTimedOut)
            return bad_input(which + "took too long; fewer --tokens or --heads take less");
        const bool ours = code == kUsage || code == kBadInput || code == kUnsupportedTarget;
        return {ours ? code : kInternal, which + finished.output};
    }

    // The tier's own Tile, which tells a machine that does not answer from a bad candidate.
    void meet_itself() {
        const Finished finished = met(job_.base(), job_.base(), {1, 0, 0});
        if (finished.exit_code != 0 && !stop_()) throw failure_of(job_.base(), finished);
    }

    // What generate takes now is a candidate as any other, if it is not the tier's own.
    void measure_start() {
        const Tile &start = job_.start();
        const auto known = [&](const Candidate &c) { return c.tile == start; };
        if (stop_() || std::any_of(best_.begin(), best_.end(), known)) return;
        measure(start, compile({start})[0]);
    }

    void measure(const Tile &tile, const Finished &compiled) {
        TrialRecord record{key_, tile, "failed", 0, 0, objective_name(goal_.objective)};
        if (compiled.exit_code == kTimedOut) record.state = "timeout";
        if (compiled.exit_code == 0) compete(record);
        if (stop_() && record.state != "ok") return;  // was cut short
        store_.append(record);
        trials_++;
        take(record);
        if (tile != job_.base() && tile != best_.front().tile) contest_.forget(tile);
        progress_.show({trials_, options_.trials, elapsed(), options_.budget_seconds,
                        best_.front().tile, best_.front().ratio, of_peak_,
                        goal_.counted() ? goal_.text() : ""});
    }

    // What seems faster than the best must be so against the tier's own Tile too: chance favours
    // some of many, and ratios of ratios would add it up.
    void compete(TrialRecord &record) {
        const Candidate rival = best_.front();
        meet(record, rival);
        if (record.state == "ok" && record.ratio < rival.ratio && rival.tile != job_.base())
            meet(record, {job_.base(), 1});
    }

    // In a child, which the candidate may take down with it.
    Finished met(const Tile &candidate, const Tile &rival, const Patience &patience) const {
        const ForkedTask task{tile_text(candidate), [&] {
                                  const DuelResult d = contest_.meet(candidate, rival, patience);
                                  std::printf("%s", duel_text(d).c_str());
                              }};
        const Finished finished = run_each({task}, 1, contest_.limits(), stop_)[0];
        if (finished.exit_code == kTimedOut || finished.exit_code == kStopped) contest_.clean();
        return finished;
    }

    void meet(TrialRecord &record, const Candidate &rival) {
        const Finished finished = met(record.tile, rival.tile, kTrial);
        const auto duel = finished.exit_code == 0 ? parse_duel(finished.output) : std::nullopt;
        if (duel) {
            record.state = "ok";
            record.ratio = duel->ratio() * rival.ratio;
            record.value = duel->candidate;
            of_peak_ = std::max(duel->candidate_of_peak, duel->rival_of_peak);
            return;
        }
        record.state = "failed";
        if (finished.exit_code == kFinding) record.state = "wrong";
        if (finished.exit_code == kTimedOut) record.state = "timeout";
        if (contest_.may_be_gone() && finished.exit_code == kBadInput) meet_itself();
    }

    std::vector<Candidate> finalists() const {
        std::vector<Candidate> few = best_;
        if (few.size() > kFinalists) few.resize(kFinalists);
        return few;
    }

    const TuneJob &job_;
    const Contest &contest_;
    const Goal &goal_;
    const TuneKey &key_;
    const TunedStore &store_;
    const TunerOptions &options_;
    TunerProgress &progress_;
    const std::function<bool()> &stop_;
    Sampler sampler_;
    std::vector<Candidate> best_;  // fastest first
    double of_peak_ = 0;
    int trials_ = 0, resumed_ = 0, failed_ = 0;
    const Clock::time_point begin_ = Clock::now();
};

}  // namespace

TunerResult tune(const TuneJob &job, const Contest &contest, const Goal &goal, const TuneKey &key,
                 const TunedStore &store, const TunerOptions &options, TunerProgress &progress,
                 const std::function<bool()> &stop) {
    return Tuner(job, contest, goal, key, store, options, progress, stop).run();
}

}  // namespace lacuna
