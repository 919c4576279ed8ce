// lacuna autotune: searches the Tile of a kernel, on this machine or another, and keeps what is
// better.
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <ctime>
#include <memory>

#include "cli/autotune_files.h"
#include "cli/autotune_finals.h"
#include "cli/autotune_report.h"
#include "cli/commands.h"
#include "cli/errors.h"
#include "cli/mix.h"
#include "cli/pattern_option.h"
#include "cli/remote_contest.h"
#include "cli/shape_options.h"
#include "cli/toolchain.h"
#include "cli/tuned_tiles.h"
#include "cli/tuner.h"
#include "patterns/pattern.h"
#include "runtime/cpu.h"
#include "schedules/tile_text.h"

namespace lacuna {

namespace {

struct Options {
    std::string pattern, phase = "prefill", tier, budget = "10m", objective, cpu, confirm, against;
    Remote remote;
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
    double factor = 0;
    if (unit.empty() || unit == "s") factor = 1;
    if (unit == "m") factor = 60;
    if (unit == "h") factor = 3600;
    if (end == text.c_str() || factor == 0 || !(number > 0) || !(number < 1e6))
        throw usage("--budget " + text + ": expected a time such as 90s, 10m or 1h");
    return number * factor;
}

const Tier &tier_here(const std::string &name) {
    std::string known;
    for (const Tier *t : default_tiers(*find_platform("host"))) {
        if ((t->cpu_features & ~cpu_features()) != 0) continue;
        if (name.empty() || name == t->name) return *t;
        known += (known.empty() ? "" : ", ") + std::string(t->name);
    }
    throw unsupported("--tier " + name + ": this CPU runs " + (known.empty() ? "none" : known));
}

// What another machine's CPU runs it alone knows.
const Tier &tier_there(const Options &o, const Platform &platform) {
    std::string known;
    for (const Tier &t : *platform.tiers) {
        if (o.tier == t.name) return t;
        known += (known.empty() ? "" : ", ") + std::string(t.name);
    }
    const std::vector<const Tier *> usual = default_tiers(platform);
    if (o.tier.empty() && usual.size() == 1) return *usual[0];
    if (o.tier.empty())
        throw usage("--tier: with --target " + o.remote.target + " one of " + known);
    throw unsupported("--tier " + o.tier + ": --target " + o.remote.target + " has " + known);
}

std::string cpu_of(const Options &o, const RemoteDriver *there) {
    if (!there && !o.cpu.empty()) throw usage("--cpu " + o.cpu + ": only with --target");
    if (!there) return cpu_model();
    const std::string cpu = o.cpu.empty() ? there->runner().cpu() : o.cpu;
    if (cpu.empty())
        throw usage("--cpu: expected the model of the other machine's CPU, which " +
                    o.remote.runner + " does not name");
    return cpu;
}

// A step attends for the query heads that share a KV head: four of them where nothing is said.
ProblemSize size_of(const Options &o, bool decode) {
    const ShapeOptions &s = o.shape;
    const int usual = decode ? 8 : 2;
    const int heads = s.heads > 0 ? s.heads : usual;
    const int usual_kv = decode && s.heads == 0 ? 2 : heads;
    const int kv_heads = s.kv_heads > 0 ? s.kv_heads : usual_kv;
    return size_of(s, heads, kv_heads, decode ? 1 : o.tokens, o.tokens, o.head_dim);
}

TuneJob job_of(const Options &o, const RemoteDriver *there, const std::string &cpu) {
    const bool decode = o.phase == "decode";
    check_phase(o.phase);
    const lac_pattern pattern = parse_pattern_option(o.pattern);
    if (reads_lists(pattern))
        throw usage("--pattern " + canonical(pattern) +
                    ": reads lists; the kernel for any pattern is tuned with --words and another");
    const Platform &platform = there ? there->platform() : *find_platform("host");
    const Tier &tier = there ? tier_there(o, platform) : tier_here(o.tier);
    if (bare(platform))
        throw unsupported("--target " + o.remote.target + ": its kernels have no Tile to tune");
    const ProblemSize size = size_of(o, decode);
    head_ranges(pattern, size.heads, "--heads");  // for its check
    const auto compiled = o.words ? std::nullopt : std::optional(pattern);
    const KernelSpec kernel =
        make_kernel(size.dtypes, size.head_dim, size.value_dim, compiled, "--head-dim");
    const Tier &code = products_of(platform, tier, kernel);
    TunedUse use;
    use.platform = &platform;
    use.cpu = cpu;
    use.tokens = o.tokens;
    const Tiles usual = tuned_tiles(use)(kernel, code);
    there ? ::unsetenv("LACUNA_TIER") : ::setenv("LACUNA_TIER", code.name, 1);
    TuneJob job{pattern, kernel, size, o.shape.threads, decode, &code, usual, &platform};
    functions_of(job.request(job.start()));  // for its check
    return job;
}

std::string now_utc() {
    char text[32];
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    std::strftime(text, sizeof text, "%FT%TZ", &parts);
    return text;
}

void search(const Options &o, const TuneJob &job, const Contest &contest, const Goal &goal,
            const std::string &cpu) {
    const TunedStore store(user_tuned_directory());
    store.prepare();
    const TuneKey key{job.kernel.name(), tuned_tier(*job.platform, *job.tier), cpu,
                      shape_class(o.phase, o.tokens).name(), kAlgorithmVersion};
    struct sigaction action{};
    action.sa_handler = [](int) { interrupted = 1; };
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
    const auto stop = [] { return interrupted != 0; };
    TunerResult result{};
    {
        TunerProgress progress(o.quiet);
        result = tune(job, contest, goal, key, store, {seconds_of(o.budget), o.trials, o.seed},
                      progress, stop);
    }
    if (result.stopped)
        throw Failure(kFinding, "stopped after " + std::to_string(result.trials) +
                                    " trials, which are kept in " + store.log_file().string() +
                                    "; the same command goes on from there");
    const std::optional<Winner> winner = winner_of(job, goal, result, stop);
    if (winner)
        store.put({{key, winner->tile, winner->duel.rival / winner->duel.candidate, now_utc(),
                    objective_name(goal.objective)}});
    report(o.json, job, goal, key, result, winner, store);
}

void autotune(const Options &o) {
    if (o.files) {
        use_tuned_files(o.files);
        return;
    }
    seconds_of(o.budget);  // for its check
    if (o.pattern.empty()) throw usage("--pattern is required");
    const auto there = o.remote ? std::make_unique<RemoteDriver>(o.remote) : nullptr;
    const std::string cpu = cpu_of(o, there.get());
    const TuneJob job = job_of(o, there.get(), cpu);
    const Goal goal = goal_of(o.objective, there.get(), cpu);
    std::unique_ptr<Contest> contest;
    if (there)
        contest = std::make_unique<RemoteContest>(job, *there, goal);
    else
        contest = std::make_unique<HostContest>(job);
    o.confirm.empty() ? search(o, job, *contest, goal, cpu)
                      : confirm(*contest, o.confirm, o.against);
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
    command.add_option("--tier", o.tier,
                       "instruction set (the best that runs here; with --target to be named)");
    add_remote_options(command, o.remote);
    command.add_option("--cpu", o.cpu,
                       "with --target: the model of its CPU, under which the Tile is kept (as "
                       "QEMU's -cpu in --runner)");
    command.add_option("--objective", o.objective,
                       "time, or under an emulator that counts instructions or cycles (cycles "
                       "where llvm-mca knows the CPU, else instructions, else time)");
}

}  // namespace

void add_autotune(CLI::App &app) {
    const auto o = std::make_shared<Options>();
    CLI::App *command =
        app.add_subcommand("autotune", "Search a kernel's Tile here or on another machine");
    add_job_options(*command, *o);
    command->add_option("--budget", o->budget, "time to search for: 90s, 10m, 1h")
        ->capture_default_str();
    command->add_option("--trials", o->trials, "at most so many new candidates (no limit)")
        ->check(CLI::Range(1, 1000000));
    command->add_option("--seed", o->seed, "of the search")->capture_default_str();
    add_tuned_file_options(*command, o->files);
    command->add_flag("--json", o->json, "print the result as JSON");
    command->add_flag("--quiet", o->quiet, "no progress");
    // Of the fresh process.
    command->add_option("--confirm", o->confirm)->group("");
    command->add_option("--against", o->against)->group("");
    command->callback([o] { autotune(*o); });
}

}  // namespace lacuna
