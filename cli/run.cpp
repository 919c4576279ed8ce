// lacuna run: attention over tensors in files.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/check.h"
#include "cli/commands.h"
#include "cli/dtype_options.h"
#include "cli/elements.h"
#include "cli/errors.h"
#include "cli/list_files.h"
#include "cli/mix.h"
#include "cli/pattern_option.h"
#include "cli/remote.h"
#include "cli/replay.h"
#include "patterns/pattern.h"

namespace lacuna {

namespace {

struct Options {
    std::string pattern, q, k, v, out, log_sum_exp, mask, globals;
    DtypeOptions types;
    std::optional<int64_t> q_start;
    std::optional<double> scale;
    double softcap = 0;
    std::string via;
    int chunk = 1;
    int threads = 1;
    Remote remote;
    bool check = false, compiled = false, json = false;
};

struct Outcome {
    Array out, log_sum_exp;
    std::string kernel, tier;
    int64_t kept_pairs;   // over all heads
    double milliseconds;  // NaN where there is no clock
    std::optional<CallCounts> counts;
    std::optional<Agreement> agreement;
};

std::string shortest(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3g", value);
    return text;
}

// Numbers as the kernel sees them, in f32. A scale of 0 is the runtime's word for "not given".
lac_args settings_of(const Options &options) {
    lac_args args{};
    args.scale = static_cast<float>(options.scale.value_or(0));
    args.softcap = static_cast<float>(options.softcap);
    if (options.scale && (!std::isfinite(args.scale) || args.scale == 0))
        throw usage("--scale " + shortest(*options.scale) +
                    ": expected a finite float32 other than 0");
    if (!std::isfinite(args.softcap) || args.softcap < 0)
        throw usage("--softcap " + shortest(options.softcap) +
                    ": expected 0 (none) or a finite float32 above");
    return args;
}

void place_queries(const Options &options, ProblemSize &size) {
    const int64_t last = int64_t{size.k_tokens} - size.q_tokens;
    const int64_t start = options.q_start.value_or(last);
    if (start < 0 || start > last) {
        throw usage("--q-start " + std::to_string(start) + ": expected 0 to " +
                    std::to_string(last) + " (" + options.k + " has " +
                    std::to_string(size.k_tokens) + " tokens, " + options.q + " " +
                    std::to_string(size.q_tokens) + ")");
    }
    size.q_start = static_cast<int32_t>(start);
}

void read_lists(const Options &options, const lac_pattern &pattern, const ProblemSize &size,
                Lists &lists) {
    head_ranges(pattern, size.heads, options.q);  // for its check
    const ListFiles files = read_list_files(pattern, options.mask, options.globals);
    const std::vector<int32_t> starts(static_cast<size_t>(size.batch), size.q_start);
    make_lists(files, pattern, size.shape(starts.data(), nullptr), lists);
}

// Rows that are never written show as NaN.
Array unwritten(std::vector<int64_t> shape, int64_t elements) {
    constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
    return {std::move(shape), std::vector<float>(static_cast<size_t>(elements), kNaN)};
}

Stored unwritten_elements(const std::vector<float> &numbers, lac_type type) {
    return type == LAC_I16 ? Stored(numbers.size() * sizeof(int16_t)) : stored(numbers, type);
}

void refuse_beyond_fixed8(const Options &options, const lac_pattern &pattern) {
    if (options.softcap != 0)
        throw usage("--softcap " + shortest(options.softcap) + ": not with --dtype fixed8");
    refuse_single_keys_of_fixed8(pattern);
}

// A cache starts empty, and sees every token.
void refuse_cache(const Options &options, const lac_pattern &pattern, const ProblemSize &size) {
    if (options.via != "cache") throw usage("--via " + options.via + ": expected cache");
    if (reads_lists(pattern))
        throw usage("--via cache: " + canonical(pattern) + " reads lists, one set for each step");
    if (size.q_tokens != size.k_tokens)
        throw usage("--via cache: expected as many queries as keys, and " + options.q + " has " +
                    std::to_string(size.q_tokens) + ", " + options.k + " " +
                    std::to_string(size.k_tokens));
    if (!is_incremental(pattern) && options.chunk < size.k_tokens)
        throw usage("--chunk " + std::to_string(options.chunk) + ": earlier rows of " +
                    canonical(pattern) + " see later keys, expected all " +
                    std::to_string(size.k_tokens) + " tokens at once");
}

// Of --via cache; 0: one call over all.
int32_t chunk_of(const Options &options, const ProblemSize &size) {
    return options.via.empty() ? 0 : std::min(options.chunk, size.k_tokens);
}

Outcome attend_there(const Options &options, const lac_pattern &pattern, const Tensors &tensors,
                     const lac_lists *lists, const lac_args &settings) {
    const ProblemSize &size = tensors.size;
    const int32_t chunk = chunk_of(options, size);
    RemoteResult result = attend_remotely(
        options.remote, options.compiled ? KeepTest::kCompiled : KeepTest::kMaskWords,
        {{pattern},
         size,
         chunk > 0 ? Through{Through::kSteps, chunk} : Through{},
         options.threads,
         settings,
         0,
         0,
         tensors.stored_q(),
         tensors.stored_k(),
         tensors.stored_v(),
         false,
         lists});
    const RemoteCall &call = result.calls[0];
    return {{tensors.row_shape(size.value_dim), size.out_numbers(result.out, tensors.stored_v())},
            {tensors.row_shape(0), std::move(result.log_sum_exp)},
            call.kernel,
            call.tier,
            call.attended_pairs,
            call.samples.percentile(0),
            call.counts,
            std::nullopt};
}

Outcome attend(const Options &options, const lac_pattern &pattern, const Tensors &tensors,
               const lac_lists *lists, const lac_args &settings) {
    const ProblemSize &size = tensors.size;
    const KeepTest test = options.compiled ? KeepTest::kCompiled : KeepTest::kMaskWords;
    Problem problem(pattern, size, lists, options.threads, test);
    Outcome outcome{unwritten(tensors.row_shape(size.value_dim), size.rows() * size.value_dim),
                    unwritten(tensors.row_shape(0), size.rows()),
                    problem.kernel(),
                    problem.tier(),
                    problem.attended_pairs(),
                    0,
                    std::nullopt,
                    std::nullopt};
    lac_args args = settings;
    if (options.check || !options.log_sum_exp.empty())
        args.log_sum_exp = outcome.log_sum_exp.data.data();
    std::optional<Decoder> decoder;
    const int32_t chunk = chunk_of(options, size);
    if (chunk > 0) {
        ProblemSize chunks = size;
        chunks.q_tokens = chunk;
        decoder.emplace(pattern, chunks, options.threads, test);
    }
    const Dtypes &types = size.dtypes;
    Stored q = tensors.stored_q(), k = tensors.stored_k(), v = tensors.stored_v(),
           out = unwritten_elements(outcome.out.data, types.out());
    const auto start = std::chrono::steady_clock::now();
    if (decoder)
        replay(*decoder, size, chunk, {q.data(), k.data(), v.data(), out.data()}, args);
    else
        problem.attend(q.data(), k.data(), v.data(), out.data(), args);
    const std::chrono::duration<double, std::milli> elapsed =
        std::chrono::steady_clock::now() - start;
    outcome.milliseconds = elapsed.count();
    outcome.out.data = size.out_numbers(out, v);
    return outcome;
}

// Where heads differ, the mean of them is no whole number.
nlohmann::ordered_json pairs_of_head(const Outcome &o, const ProblemSize &size) {
    if (o.kept_pairs % size.units() == 0) return o.kept_pairs / size.units();
    return static_cast<double>(o.kept_pairs) / static_cast<double>(size.units());
}

std::string target_of(const Options &o) { return o.remote ? o.remote.target : "host"; }

void print_line(const Options &options, const ProblemSize &size, const Outcome &o) {
    std::cout << options.out << ": shape " << shape_text(o.out.shape) << ", " << o.tier << ", "
              << pairs_of_head(o, size) << " kept pairs a head, ";
    if (o.counts)
        std::cout << o.counts->executed << ' ' << o.counts->unit;
    else
        std::cout << shortest(o.milliseconds) << " ms";
    if (o.agreement)
        std::cout << ", NMSE " << shortest(o.agreement->nmse) << " (at most "
                  << shortest(o.agreement->tolerance) << "), largest error "
                  << shortest(o.agreement->max_abs_error);
    std::cout << '\n';
}

void print_json(const Options &options, const lac_pattern &pattern, const ProblemSize &size,
                const Outcome &o) {
    nlohmann::ordered_json json = {{"output", options.out},
                                   {"shape", o.out.shape},
                                   {"pattern", canonical(pattern)},
                                   {"kernel", o.kernel},
                                   {"tier", o.tier},
                                   {"target", target_of(options)},
                                   {"threads", options.threads},
                                   {"batch", size.batch},
                                   {"heads", size.heads},
                                   {"kv_heads", size.kv_heads},
                                   {"q_tokens", size.q_tokens},
                                   {"k_tokens", size.k_tokens},
                                   {"q_start", size.q_start},
                                   {"head_dim", size.head_dim},
                                   {"value_dim", size.value_dim},
                                   {"kept_pairs", pairs_of_head(o, size)},
                                   {"total_pairs", o.kept_pairs},
                                   {"ms", o.milliseconds}};
    if (o.counts) json[o.counts->unit] = o.counts->executed;
    if (!options.log_sum_exp.empty()) json["log_sum_exp"] = options.log_sum_exp;
    if (o.agreement) {
        json["nmse"] = o.agreement->nmse;
        json["tolerance"] = o.agreement->tolerance;
        json["max_abs_error"] = o.agreement->max_abs_error;
        json["log_sum_exp_error"] = o.agreement->log_sum_exp_error;
        json["agrees"] = o.agreement->holds();
    }
    std::cout << json.dump(2) << '\n';
}

void report_disagreement(const Options &options, const Agreement &a) {
    const std::string where = " in head " + std::to_string(a.head) + " of sequence " +
                              std::to_string(a.sequence) + " exceeds the tolerance ";
    if (a.nmse > a.tolerance)
        throw Failure(kFinding,
                      options.out + ": NMSE " + shortest(a.nmse) + where + shortest(a.tolerance));
    throw Failure(kFinding, options.out + ": log-sum-exp error " + shortest(a.log_sum_exp_error) +
                                where + shortest(a.log_sum_exp_tolerance));
}

void run(const Options &options) {
    const lac_pattern pattern = parse_pattern_option(options.pattern);
    const lac_args settings = settings_of(options);
    if (options.log_sum_exp == options.out)
        throw usage("--log-sum-exp " + options.out + ": is the output's own name");
    const Dtypes dtypes = usage_dtypes(options.types);
    if (dtypes.fixed8()) refuse_beyond_fixed8(options, pattern);
    Tensors tensors = read_tensors(options.q, options.k, options.v, dtypes);
    place_queries(options, tensors.size);
    if (!options.via.empty()) refuse_cache(options, pattern, tensors.size);
    Lists lists;
    read_lists(options, pattern, tensors.size, lists);
    Outcome outcome = options.remote
                          ? attend_there(options, pattern, tensors, lists.get(), settings)
                          : attend(options, pattern, tensors, lists.get(), settings);
    if (options.check) {
        const double scale = options.scale ? settings.scale : 1 / std::sqrt(tensors.size.head_dim);
        outcome.agreement =
            check_against_oracle(tensors, pattern, lists.get(), scale, settings.softcap,
                                 outcome.out.data, outcome.log_sum_exp.data);
    }
    // The output comes last: where it is, all of it is.
    if (!options.log_sum_exp.empty()) write_npy(options.log_sum_exp, outcome.log_sum_exp);
    write_npy(options.out, outcome.out, dtypes.fixed8() ? LAC_F32 : dtypes.q);
    options.json ? print_json(options, pattern, tensors.size, outcome)
                 : print_line(options, tensors.size, outcome);
    if (outcome.agreement && !outcome.agreement->holds())
        report_disagreement(options, *outcome.agreement);
}

}  // namespace

void add_run(CLI::App &app) {
    const auto o = std::make_shared<Options>();
    CLI::App *command = app.add_subcommand("run", "Attend over tensors in .npy files");
    command->add_option("--pattern", o->pattern, "such as window:256+every:64")->required();
    command
        ->add_option("--q", o->q,
                     "queries, float32 or float16 [heads, tokens, head_dim] or a batch of it")
        ->required();
    command->add_option("--k", o->k, "keys; their heads divide the queries'")->required();
    command->add_option("--v", o->v, "values; their head_dim may be another")->required();
    command->add_option("-o,--out", o->out, "output, a row of values for every query")->required();
    add_dtype_options(*command, o->types);
    command->add_option("--mask", o->mask,
                        "bool [queries, keys], or of heads, or of a batch of them: what the mask: "
                        "or topk atom lists");
    command->add_option("--globals", o->globals,
                        "positions of global:list, int32 or int64 [count] or [batch, count]");
    command->add_option("--q-start", o->q_start,
                        "position of the first query (so that the last is the last key's)");
    command->add_option("--scale", o->scale, "of the scores (1/sqrt(head_dim))");
    command->add_option("--softcap", o->softcap, "scores become c tanh(score / c); 0: none")
        ->capture_default_str();
    command->add_option("--via", o->via, "cache: append and attend a KV cache, chunk by chunk");
    command->add_option("--chunk", o->chunk, "tokens of an append and a step of --via cache")
        ->check(CLI::Range(1, LAC_MAX_TOKENS))
        ->capture_default_str();
    command->add_option("--threads", o->threads, "threads to attend with")
        ->check(CLI::Range(1, LAC_MAX_THREADS))
        ->capture_default_str();
    add_remote_options(*command, o->remote);
    command->add_option("--log-sum-exp", o->log_sum_exp, "write every row's log-sum-exp here");
    command->add_flag("--check", o->check,
                      "compare with a float64 reference; exit 1 if it differs");
    command->add_flag("--compiled", o->compiled, "compile the pattern into the kernel");
    command->add_flag("--json", o->json, "print what was done as JSON");
    command->callback([o] { run(*o); });
}

}  // namespace lacuna
