#include "cli/remote_contest.h"

#include <nlohmann/json.hpp>
#include <random>

#include "cli/bench_case.h"
#include "cli/errors.h"
#include "cli/files.h"
#include "schedules/tile_text.h"

namespace lacuna {

namespace fs = std::filesystem;

RemoteContest::RemoteContest(const TuneJob &job, const RemoteDriver &there, Goal goal)
    : job_(job), there_(there), goal_(std::move(goal)), scratch_("tuner") {}

void RemoteContest::compile(const Tile &tile) const {
    const BundleFunctions functions = functions_of(job_.request(tile, "lac"));
    compile_functions(*job_.platform, unique_functions(functions), [](const auto &) {});
}

DuelResult RemoteContest::meet(const Tile &candidate, const Tile &rival,
                               const Patience &patience) const {
    if (!goal_.counted()) return timed(candidate, rival, patience);
    DuelResult d{};
    d.candidate_counts = counted(candidate);
    d.rival_counts = counted(rival);
    d.candidate = goal_.of(*d.candidate_counts);
    d.rival = goal_.of(*d.rival_counts);
    d.median_ratio = d.candidate / d.rival;
    d.rounds = 1;
    return d;
}

// The driver's first bundle is the candidate's.
void RemoteContest::check(const fs::path &folder) const {
    for (const ProblemSize &size : checked_sizes(job_)) {
        const CheckedCall call = checked_call(size);
        const RemoteResult result = there_.attend(
            {{job_.pattern}, size, {}, job_.threads, {}, 0, 0, call.q, call.k, call.v}, folder);
        if (const std::string wrong = disagreement(job_, call, result.out, result.log_sum_exp);
            !wrong.empty())
            throw Failure(kFinding, wrong);
    }
}

RemoteProblem RemoteContest::problem(bool rival, const Patience &patience) const {
    const ProblemSize &s = job_.size;
    std::mt19937 generator(1);
    Stored q = normal_numbers(s.rows(), s.head_dim, s.dtypes.q, generator),
           k = normal_numbers(s.kv_rows(), s.head_dim, s.dtypes.k, generator),
           v = normal_numbers(s.kv_rows(), s.value_dim, s.dtypes.v, generator);
    return {std::vector<lac_pattern>(rival ? 2 : 1, job_.pattern),
            s,
            Through::of_phase(job_.decode, s),
            job_.threads,
            {},
            patience.rounds,
            patience.rounds * patience.round_seconds,
            std::move(q),
            std::move(k),
            std::move(v),
            goal_.counted(),
            nullptr,
            rival};
}

// Kept in a file, which outlives the child that counted.
CallCounts RemoteContest::counted(const Tile &tile) const {
    const fs::path known = scratch_.at("counts." + tile_text(tile));
    if (fs::exists(known)) return counts_in(nlohmann::ordered_json::parse(read_file(known)));
    const fs::path folder = scratch_.at("driver");
    fs::remove_all(folder);
    there_.build(job_.request(tile, "lac"), nullptr, folder);
    check(folder);
    const RemoteResult result = there_.attend(problem(false, {0, 0, 0}), folder);
    const std::optional<CallCounts> &counts = result.calls[0].counts;
    if (!counts) throw bad_input("--runner " + there_.runner().name() + ": counted nothing");
    write_file_atomically(known.string(), counts_json("", *counts).dump());
    return *counts;
}

DuelResult RemoteContest::timed(const Tile &candidate, const Tile &rival,
                                const Patience &patience) const {
    const fs::path folder = scratch_.at("driver");
    fs::remove_all(folder);
    const ChooseTiles of_rival = job_.request(rival).tiles;
    there_.build(job_.request(candidate, "lac"), &of_rival, folder);
    check(folder);
    const RemoteResult result = there_.attend(problem(true, patience), folder);
    const Samples &a = result.calls[0].samples, &b = result.calls[1].samples;
    if (a.count() == 0 || b.round_minima().size() != a.round_minima().size())
        throw bad_input("--runner " + there_.runner().name() + ": the driver printed no times");
    Samples ratios;
    for (size_t i = 0; i < a.round_minima().size(); i++)
        ratios.add(a.round_minima()[i] / b.round_minima()[i]);
    return {a.percentile(0),
            b.percentile(0),
            ratios.percentile(50),
            0,
            0,
            static_cast<int>(ratios.count())};
}

}  // namespace lacuna
