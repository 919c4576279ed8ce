// lacuna autotune: searches the Tile of a kernel on this machine and keeps what is faster.
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/autotune_files.h"
#include "cli/commands.h"
#include "cli/errors.h"
#include "cli/host_bundle.h"
#include "cli/mix.h"
#include "cli/pattern_option.h"
#include "cli/process.h"
#include "cli/shape_options.h"
#include "cli/tuned_tiles.h"
#include "cli/tuner.h"
#include "patterns/pattern.h"
#include "runtime/cpu.h"
#include "schedules/tile_text.h"

namespace lacuna {

namespace {

struct Options {
    std::string pattern, phase = "prefill", tier, budget = "10m", confirm;
    int tokens = 4096, head_dim = 64, trials = 0;
    ShapeOptions shape;
    unsigned seed = 1;
    bool words = false, json = false, quiet = false;
    TunedFileOptions files;
};

volatile sig_atomic_t interrupted = 0;

// "90", "90s", "10m", "1h"
double seconds_of(const std::string &text) {
    char *end = nullptr;
    const double number = std::strtod(text.c_str(), &end);
    const std::string unit = end;
    const double factor = unit.empty() || unit == "s" ? 1
                          : unit == "m"               ? 60
                          : unit == "h"               ? 3600
                                                      : 0;
    if (end == text.c_str() || factor == 0 || !(number > 0) || !(number < 1e6))
        throw usage("--budget " + text + ": expected a time such as 90s, 10m or 1h");
    return number * factor;
}

const Tier &tier_here(const std::string &name) {
    const Platform &host = *find_platform("host");
    std::string known;
    for (const Tier *t : default_tiers(host)) {
        if ((t->cpu_features & ~cpu_features()) != 0) continue;
        if (name.empty() || name == t->name) return code_of(host, *t);
        known += (known.empty() ? "" : ", ") + std::string(t->name);
    }
    throw unsupported("--tier " + name + ": this CPU runs " + (known.empty() ? "none" : known));
}

// A step attends for the query heads that share a KV head: four of them where nothing is said.
ProblemSize size_of(const Options &o, bool decode) {
    const ShapeOptions &s = o.shape;
    const int heads = s.heads > 0 ? s.heads : decode ? 8 : 2;
    const int kv_heads = s.kv_heads > 0 ? s.kv_heads : decode && s.heads == 0 ? 2 : heads;
    return size_of(s, heads, kv_heads, decode ? 1 : o.tokens, o.tokens, o.head_dim);
}

TuneJob job_of(const Options &o) {
    const bool decode = o.phase == "decode";
    check_phase(o.phase);
    if (o.pattern.empty()) throw usage("--pattern is required");
    const lac_pattern pattern = parse_pattern_option(o.pattern);
    if (reads_lists(pattern))
        throw usage("--pattern " + canonical(pattern) +
                    ": reads lists; the kernel for any pattern is tuned with --words and another");
    const Tier &tier = tier_here(o.tier);
    const ProblemSize size = size_of(o, decode);
    head_ranges(pattern, size.heads, "--heads");  // for its check
    const auto compiled = o.words ? std::nullopt : std::optional(pattern);
    const KernelSpec kernel =
        make_kernel(size.dtypes, size.head_dim, size.value_dim, compiled, "--head-dim");
    TunedUse use;
    use.tokens = o.tokens;
    const Tiles usual = tuned_tiles(use)(kernel, tier);
    ::setenv("LACUNA_TIER", tier.name, 1);
    return {pattern, kernel, size, o.shape.threads, decode, &tier, usual};
}

// The same command once more, to measure one Tile against the start in a process that has done
// nothing else.
DuelResult confirmed(const Tile &tile) {
    std::ifstream file("/proc/self/cmdline", std::ios::binary);
    std::vector<std::string> command{"/proc/self/exe"};
    std::string word;
    std::getline(file, word, '\0');
    while (std::getline(file, word, '\0')) command.push_back(word);
    command.insert(command.end(), {"--confirm", tile_text(tile)});
    const Finished finished = run_process(command);
    if (interrupted)
        throw Failure(kFinding,
                      "stopped while measuring the best again; all trials are kept, and "
                      "the same command goes on from there");
    DuelResult d{};
    if (finished.exit_code != 0 ||
        std::sscanf(finished.output.c_str(), "%lf %lf %lf %lf %d", &d.candidate_ms, &d.rival_ms,
                    &d.median_ratio, &d.candidate_of_peak, &d.rounds) != 5)
        throw Failure(kInternal, "measuring " + tile_text(tile) + " again: " + finished.output);
    return d;
}

void confirm(const TuneJob &job, const std::string &text) {
    Tile tile{};
    if (!parse_tile(text, tile)) throw usage("--confirm " + text + ": expected a Tile");
    const lac_bundle *candidate = load_bundle(job.request(tile));
    if (const std::string wrong = disagreement(job, *candidate); !wrong.empty())
        throw Failure(kInternal, wrong);
    const DuelResult d =
        duel(job, *candidate, *load_bundle(job.request(job.start())), {40, 0.05, 0});
    std::printf("%.17g %.17g %.17g %.17g %d\n", d.candidate_ms, d.rival_ms, d.median_ratio,
                d.candidate_of_peak, d.rounds);
}

std::string now_utc() {
    char text[32];
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    std::strftime(text, sizeof text, "%FT%TZ", &parts);
    return text;
}

struct Winner {
    Tile tile;
    DuelResult duel;
};

// In each of some fresh processes faster, by more than two runs of one Tile differ; of them the one
// with the least gain. A process alone says little of what is bound by memory: one Tile against
// itself differs by 10 %, with where the system put the pages of either side.
std::optional<DuelResult> faster_always(const Tile &tile, double least_gain) {
    constexpr int kProcesses = 3;
    std::optional<DuelResult> least;
    for (int i = 0; i < kProcesses; i++) {
        const DuelResult d = confirmed(tile);
        if (d.candidate_ms >= d.rival_ms || d.median_ratio >= least_gain) return std::nullopt;
        if (!least || d.candidate_ms / d.rival_ms > least->candidate_ms / least->rival_ms)
            least = d;
    }
    return least;
}

// The first finalist that holds.
std::optional<Winner> winner_of(const TuneJob &job, const TunerResult &result) {
    constexpr double kLeastGain = 0.99;
    double start = 1;
    for (const Candidate &c : result.best)
        if (c.tile == job.start()) start = c.ratio;
    for (const Candidate &c : result.best) {
        if (c.tile == job.start() || c.ratio >= kLeastGain * start) continue;
        if (const auto least = faster_always(c.tile, kLeastGain)) return Winner{c.tile, *least};
    }
    return std::nullopt;
}

void report(const Options &o, const TuneJob &job, const TuneKey &key, const TunerResult &r,
            const std::optional<Winner> &winner, const TunedStore &store) {
    const Tile shipped = winner ? winner->tile : job.start();
    const double gain = winner ? winner->duel.rival_ms / winner->duel.candidate_ms : 1;
    if (o.json) {
        nlohmann::ordered_json json{{"kernel", key.kernel},
                                    {"tier", key.tier},
                                    {"cpu", key.cpu},
                                    {"shape", key.shape},
                                    {"start", tile_text(job.start())},
                                    {"tile", tile_text(shipped)},
                                    {"gain", gain},
                                    {"improved", winner.has_value()},
                                    {"trials", r.trials},
                                    {"resumed", r.resumed},
                                    {"failed", r.failed},
                                    {"space", r.space}};
        if (winner) {
            json["start_ms"] = winner->duel.rival_ms;
            json["tile_ms"] = winner->duel.candidate_ms;
            json["ratio"] = winner->duel.candidate_of_peak;
        }
        std::cout << json.dump(2) << '\n';
        return;
    }
    std::cout << key.kernel << ", " << key.tier << ", " << key.shape << ", " << key.cpu << '\n'
              << "  " << r.trials << " trials, " << r.resumed << " from the log, of " << r.space
              << " Tiles; " << r.failed << " could not win\n"
              << "  start " << tile_text(job.start()) << '\n';
    char text[160];
    if (!winner) {
        std::cout << "  none was faster when measured again: the start stays\n";
        return;
    }
    std::snprintf(
        text, sizeof text,
        "%.3f times as fast in fresh processes (%.3f ms, start %.3f ms), %.2f of the peak", gain,
        winner->duel.candidate_ms, winner->duel.rival_ms, winner->duel.candidate_of_peak);
    std::cout << "  found " << tile_text(shipped) << ": " << text << "\n  kept in "
              << store.tuned_file().string() << '\n';
}

void search(const Options &o, const TuneJob &job) {
    const TunedStore store(user_tuned_directory());
    store.prepare();
    const TuneKey key{job.kernel.name(), job.tier->name, cpu_model(),
                      shape_class(o.phase, o.tokens).name(), kAlgorithmVersion};
    struct sigaction action{};
    action.sa_handler = [](int) { interrupted = 1; };
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
    TunerResult result{};
    {
        TunerProgress progress(o.quiet);
        result = tune(job, key, store, {seconds_of(o.budget), o.trials, o.seed}, progress,
                      [] { return interrupted != 0; });
    }
    if (result.stopped)
        throw Failure(kFinding, "stopped after " + std::to_string(result.trials) +
                                    " trials, which are kept in " + store.log_file().string() +
                                    "; the same command goes on from there");
    const std::optional<Winner> winner = winner_of(job, result);
    if (winner)
        store.put(
            {{key, winner->tile, winner->duel.rival_ms / winner->duel.candidate_ms, now_utc()}});
    report(o, job, key, result, winner, store);
}

void autotune(const Options &o) {
    if (o.files) return use_tuned_files(o.files);
    seconds_of(o.budget);  // for its check
    const TuneJob job = job_of(o);
    o.confirm.empty() ? search(o, job) : confirm(job, o.confirm);
}

void add_job_options(CLI::App &command, Options &o) {
    command.add_option("--pattern", o.pattern, "such as window:256+every:64");
    command.add_option("--phase", o.phase, "prefill, or decode: a step over caches")
        ->capture_default_str();
    command.add_option("--tokens", o.tokens, "keys of a sequence; the Tile serves a range of them")
        ->check(CLI::Range(1, LAC_MAX_TOKENS))
        ->capture_default_str();
    command.add_option("--head-dim", o.head_dim, "head size")
        ->check(CLI::Range(1, kMaxHeadDim))
        ->capture_default_str();
    add_shape_options(command, o.shape, "2; decode: 8", "as many; decode: 2");
    command.add_flag("--words", o.words, "the kernel for any pattern, not the pattern compiled in");
    command.add_option("--tier", o.tier, "instruction set (the best that runs here)");
}

}  // namespace

void add_autotune(CLI::App &app) {
    const auto o = std::make_shared<Options>();
    CLI::App *command = app.add_subcommand("autotune", "Search a kernel's Tile on this machine");
    add_job_options(*command, *o);
    command->add_option("--budget", o->budget, "time to search for: 90s, 10m, 1h")
        ->capture_default_str();
    command->add_option("--trials", o->trials, "at most so many new candidates (no limit)")
        ->check(CLI::Range(1, 1000000));
    command->add_option("--seed", o->seed, "of the search")->capture_default_str();
    add_tuned_file_options(*command, o->files);
    command->add_flag("--json", o->json, "print the result as JSON");
    command->add_flag("--quiet", o->quiet, "no progress");
    command->add_option("--confirm", o->confirm)->group("");  // of the fresh process
    command->callback([o] { autotune(*o); });
}

}  // namespace lacuna
