// lacuna bench: a pattern's speed beside the machine's limit and the dense kernel's, in one run.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "bench/bandwidth.h"
#include "cli/bench_case.h"
#include "cli/bench_compare.h"
#include "cli/bench_html.h"
#include "cli/bench_png.h"
#include "cli/commands.h"
#include "cli/errors.h"
#include "cli/files.h"
#include "cli/mix.h"
#include "cli/pattern_option.h"
#include "cli/remote.h"
#include "cli/shape_options.h"
#include "cli/workloads.h"
#include "patterns/pattern.h"

namespace lacuna {

namespace {

constexpr size_t kBeyondCaches = size_t{256} << 20;

struct Options {
    std::string pattern, phase = "prefill", out;
    std::vector<std::string> compare;
    std::string html, png;
    std::vector<std::string> workloads;
    std::vector<int> tokens{1024, 4096}, head_dims{64};
    int queries = 0, rounds = 10;
    ShapeOptions shape;
    int layers = 1;
    double min_time = 1;
    Remote remote;
    bool words = false, own_order = false, no_dense = false, json = false;
    BenchListOptions lists;
};

int heads_of(const Options &o) { return o.shape.heads > 0 ? o.shape.heads : 8; }

ProblemSize size_of(const Options &o, int tokens, int head_dim) {
    const int usual = o.phase == "decode" ? 1 : tokens;
    const int queries = o.queries > 0 ? o.queries : usual;
    if (queries > tokens)
        throw usage("--queries " + std::to_string(queries) + ": expected at most the " +
                    std::to_string(tokens) + " of --tokens");
    const int heads = heads_of(o), kv_heads = o.shape.kv_heads > 0 ? o.shape.kv_heads : heads;
    ProblemSize size = size_of(o.shape, heads, kv_heads, queries, tokens, head_dim);
    size.own_order = o.own_order;
    return size;
}

void refuse_beyond_memory(const ProblemSize &s) {
    const auto row = [](lac_type a, int32_t a_features, lac_type b, int32_t b_features) {
        return static_cast<double>(row_bytes(a, a_features) + row_bytes(b, b_features));
    };
    const Dtypes &d = s.dtypes;
    const double bytes = static_cast<double>(s.rows()) * row(d.q, s.head_dim, d.q, s.value_dim) +
                         static_cast<double>(s.kv_rows()) * row(d.k, s.head_dim, d.v, s.value_dim);
    const double memory = static_cast<double>(::sysconf(_SC_PHYS_PAGES)) *
                          static_cast<double>(::sysconf(_SC_PAGESIZE));
    if (bytes <= memory) return;
    throw usage("--tokens " + std::to_string(s.k_tokens) + ": the tensors take " +
                std::to_string(static_cast<int64_t>(bytes / 1e9)) +
                " GB, more than this machine's memory");
}

std::vector<ProblemSize> sizes_of(const Options &o) {
    std::vector<ProblemSize> sizes;
    for (const int head_dim : o.head_dims) {
        for (const int tokens : o.tokens) {
            sizes.push_back(size_of(o, tokens, head_dim));
            refuse_beyond_memory(sizes.back());
        }
    }
    return sizes;
}

BenchCase case_of(const Options &o, const lac_pattern &pattern, const ProblemSize &size) {
    return {pattern,
            size,
            lists_for(o.lists, pattern, size),
            o.shape.threads,
            o.words ? KeepTest::kMaskWords : KeepTest::kCompiled,
            !o.no_dense,
            o.rounds,
            o.min_time,
            o.phase == "decode",
            o.layers};
}

// Prints a table as it goes, unless JSON is wanted.
void measure_pattern(const Options &o, std::vector<BenchEntry> &entries) {
    if (o.pattern.empty())
        throw usage("--pattern or --workload is required\nTry 'lacuna bench --help'.");
    const bool decode = o.phase == "decode";
    check_phase(o.phase);
    if (!std::isfinite(o.min_time)) throw usage("--min-time: expected a number of seconds");
    const lac_pattern pattern = parse_pattern_option(o.pattern);
    if (decode && reads_lists(pattern))
        throw usage("--phase decode: " + canonical(pattern) +
                    " reads lists, which are benched with --phase prefill --queries 1");
    if (o.own_order && o.remote) throw usage("--own-order: not with --target");
    if (!decode && o.layers != 1) throw usage("--layers: only with --phase decode");
    const std::vector<ProblemSize> sizes = sizes_of(o);
    head_ranges(pattern, heads_of(o), "--heads");  // for its check
    std::vector<BenchCase> cases;
    for (const ProblemSize &size : sizes) cases.push_back(case_of(o, pattern, size));
    if (!o.json) std::cout << table_header(canonical(pattern)) << '\n' << std::flush;
    const auto measured = [&](const BenchCase &wanted) {
        if (o.remote) return measure_remotely(o.remote, wanted);
        return wanted.decode ? measure_decode(wanted) : measure(wanted);
    };
    for (const BenchCase &wanted : cases) {
        entries.push_back(measured(wanted));
        if (!o.json) std::cout << table_line(entries.back()) << '\n' << std::flush;
    }
}

void report_entries(const Options &o, const std::vector<BenchEntry> &entries) {
    const auto report = google_benchmark_json(entries);
    const std::string json = report.dump(2) + "\n";
    if (!o.html.empty() || !o.png.empty()) {
        const double gbps = o.remote ? 0 : read_gbps(kBeyondCaches, o.shape.threads);
        const BenchCharts charts = bench_charts(report, gbps);
        if (!o.html.empty()) write_file_atomically(o.html, html_report(report, charts));
        if (!o.png.empty()) write_file_atomically(o.png, png_report(charts));
    }
    if (!o.out.empty()) write_file_atomically(o.out, json);
    if (o.json) std::cout << json;
}

void bench(CLI::App &command, Options &o) {
    if (!o.compare.empty()) {
        compare_files(o.compare[0], o.compare[1], o.json);
        return;
    }
    if (!o.png.empty()) check_png_program();
    o.shape.fixed8 = static_cast<bool>(o.remote);
    const auto chosen = find_workloads(o.workloads);
    std::vector<BenchEntry> entries;
    const Options given = o;
    for (const Workload *w : chosen) {
        if (!o.json) std::cout << w->name << ": " << w->what << '\n';
        with_workload(command, *w, [&] { measure_pattern(o, entries); });
        if (!o.json) std::cout << '\n';
        o = given;
    }
    if (chosen.empty()) measure_pattern(o, entries);
    report_entries(o, entries);
}

void add_shape_options(CLI::App &command, Options &o) {
    command.add_option("--tokens", o.tokens, "keys of a sequence")
        ->delimiter(',')
        ->check(CLI::Range(1, LAC_MAX_TOKENS))
        ->capture_default_str();
    command.add_option("--queries", o.queries, "the last so many positions only (decode: 1)")
        ->check(CLI::Range(1, LAC_MAX_TOKENS));
    command.add_option("--head-dim", o.head_dims, "head sizes")
        ->delimiter(',')
        ->check(CLI::Range(1, kMaxHeadDim))
        ->capture_default_str();
    add_shape_options(command, o.shape, "8", "as many");
}

}  // namespace

void add_bench(CLI::App &app) {
    const auto o = std::make_shared<Options>();
    CLI::App *command = app.add_subcommand("bench", "Measure a pattern's kernel");
    command->add_option("--pattern", o->pattern, "such as window:256+every:64");
    command
        ->add_option("--workload", o->workloads,
                     "options by name (list workloads), or all; other options replace theirs")
        ->delimiter(',');
    add_shape_options(*command, *o);
    add_list_options(*command, o->lists);
    command->add_option("--phase", o->phase, "prefill, or decode: a step over caches")
        ->capture_default_str();
    command->add_option("--layers", o->layers, "decode: layers of the model, for tokens/s")
        ->check(CLI::Range(1, 1 << 16))
        ->capture_default_str();
    add_remote_options(*command, o->remote);
    command->add_option("--min-time", o->min_time, "seconds to measure each kernel for")
        ->check(CLI::Range(0.0, 3600.0))
        ->capture_default_str();
    command->add_option("--rounds", o->rounds, "turns that peak, pattern and dense take")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    command->add_flag("--words", o->words, "mask words instead of the pattern compiled in");
    command->add_flag("--own-order", o->own_order,
                      "no query in dense order, as no_dense_order says");
    command->add_flag("--no-dense", o->no_dense, "do not measure the dense kernel");
    command->add_flag("--json", o->json, "print Google Benchmark's JSON");
    command->add_option("--out", o->out, "write that JSON to this file as well");
    command->add_option("--html", o->html, "write a report with pictures to this file");
    command->add_option("--png", o->png, "write its pictures to this file; needs rsvg-convert");
    command
        ->add_option("--compare", o->compare,
                     "two files of --out, old and new: which changed, by a Mann-Whitney test; "
                     "exit 1 if one is slower")
        ->expected(2);
    command->callback([command, o] { bench(*command, *o); });
}

}  // namespace lacuna
