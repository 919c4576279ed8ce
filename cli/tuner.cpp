#include "cli/tuner.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/errors.h"
#include "cli/host_bundle.h"
#include "cli/process.h"
#include "cli/sampler.h"
#include "cli/tile_space.h"
#include "schedules/tile_text.h"

namespace lacuna {

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kFinalists = 3;
constexpr Patience kTrial{16, 0.02, 0.4};

SpaceRequest space_of(const TuneJob &job) {
    const Tier &tier = *job.tier;
    const int registers = tier.format.lanes == 16 ? 32 : 16;  // of x86-64
    return {tier.format, registers,           job.kernel.head_dim, job.kernel.value_dim,
            job.decode,  job.usual.tile.rows, job.start()};
}

class Tuner {
public:
    Tuner(const TuneJob &job, const TuneKey &key, const TunedStore &store,
          const TunerOptions &options, TunerProgress &progress, const std::function<bool()> &stop)
        : job_(job),
          key_(key),
          store_(store),
          options_(options),
          progress_(progress),
          stop_(stop),
          sampler_(tile_space(space_of(job)), options.seed) {
        best_ = {{base(), 1}};
        sampler_.add(base(), 1);
    }

    TunerResult run() {
        resume();
        compile_start();
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
    // Ratios in the log are to this Tile, whatever generate takes now.
    const Tile &base() const { return job_.decode ? job_.tier->few : job_.tier->tile; }
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
        const TunedStore::Trials log = store_.trials(key_);
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
        if (r.tile == base()) return;  // is there
        sampler_.add(r.tile, r.ratio);
        best_.push_back({r.tile, r.ratio});
        std::sort(best_.begin(), best_.end(),
                  [](const Candidate &a, const Candidate &b) { return a.ratio < b.ratio; });
    }

    std::vector<Finished> compile(const std::vector<Tile> &tiles) {
        std::vector<ForkedTask> tasks;
        for (const Tile &tile : tiles)
            tasks.push_back(
                {tile_text(tile), [this, tile] { bundle_library(job_.request(tile)); }});
        return run_each(tasks, processors(), kTrialLimits, stop_);
    }

    void compile_start() {
        std::vector<Tile> tiles{base()};
        if (best_.front().tile != base()) tiles.push_back(best_.front().tile);
        // One after the other: they share what is not tuned.
        for (const Tile &tile : tiles) {
            const Finished finished = compile({tile})[0];
            if (finished.exit_code != 0 && !stop_())
                throw Failure(kInternal, "the Tile " + tile_text(tile) + ": " + finished.output);
        }
    }

    // What generate takes now is a candidate as any other, if it is not the tier's own.
    void measure_start() {
        const Tile &start = job_.start();
        const auto known = [&](const Candidate &c) { return c.tile == start; };
        if (stop_() || std::any_of(best_.begin(), best_.end(), known)) return;
        measure(start, compile({start})[0]);
    }

    void measure(const Tile &tile, const Finished &compiled) {
        TrialRecord record{key_, tile, "failed", 0, 0};
        if (compiled.exit_code == kTimedOut) record.state = "timeout";
        if (compiled.exit_code == 0) compete(record);
        if (stop_() && record.state != "ok") return;  // was cut short
        store_.append(record);
        trials_++;
        take(record);
        remove_library(tile);
        progress_.show({trials_, options_.trials, elapsed(), options_.budget_seconds,
                        best_.front().tile, best_.front().ratio, of_peak_});
    }

    // What seems faster than the best must be so against the tier's own Tile too: chance favours
    // some of many, and ratios of ratios would add it up.
    void compete(TrialRecord &record) {
        const Candidate rival = best_.front();
        meet(record, rival);
        if (record.state == "ok" && record.ratio < rival.ratio && rival.tile != base())
            meet(record, {base(), 1});
    }

    // In a child, which the candidate may take down with it.
    void meet(TrialRecord &record, const Candidate &rival) {
        const ForkedTask task{
            tile_text(record.tile), [&] {
                const lac_bundle *candidate = load_bundle(job_.request(record.tile));
                if (!disagreement(job_, *candidate).empty()) throw Failure(kFinding, "wrong");
                const DuelResult d =
                    duel(job_, *candidate, *load_bundle(job_.request(rival.tile)), kTrial);
                // The worse of the two: the least of all calls, or the middle one of the rounds.
                const double ratio = std::max(d.candidate_ms / d.rival_ms, d.median_ratio);
                std::printf("%.17g %.17g %.17g\n", ratio, d.candidate_ms,
                            std::max(d.candidate_of_peak, d.rival_of_peak));
            }};
        const Finished finished = run_each({task}, 1, kTrialLimits, stop_)[0];
        double ratio = 0, milliseconds = 0, of_peak = 0;
        if (finished.exit_code == 0 && std::sscanf(finished.output.c_str(), "%lf %lf %lf", &ratio,
                                                   &milliseconds, &of_peak) == 3) {
            record.state = "ok";
            record.ratio = ratio * rival.ratio;
            record.milliseconds = milliseconds;
            of_peak_ = of_peak;  // of the faster of the two
        } else {
            record.state = finished.exit_code == kFinding    ? "wrong"
                           : finished.exit_code == kTimedOut ? "timeout"
                                                             : "failed";
        }
    }

    void remove_library(const Tile &tile) const {
        if (tile == base() || best_.front().tile == tile) return;
        std::error_code ignored;
        std::filesystem::remove(library_path(job_.request(tile)), ignored);
    }

    std::vector<Candidate> finalists() const {
        std::vector<Candidate> few = best_;
        if (few.size() > kFinalists) few.resize(kFinalists);
        return few;
    }

    const TuneJob &job_;
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

TunerResult tune(const TuneJob &job, const TuneKey &key, const TunedStore &store,
                 const TunerOptions &options, TunerProgress &progress,
                 const std::function<bool()> &stop) {
    return Tuner(job, key, store, options, progress, stop).run();
}

}  // namespace lacuna
