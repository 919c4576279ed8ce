// lacuna generate: patterns, types and a triple in; a bundle out.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>

#include "cli/bundle.h"
#include "cli/commands.h"
#include "cli/dtype_options.h"
#include "cli/errors.h"
#include "cli/files.h"
#include "cli/pattern_option.h"
#include "cli/tuned_tiles.h"

namespace lacuna {

namespace {

struct Options {
    std::string target = "host", spec, out, name = "lac";
    DtypeOptions types;
    std::vector<std::string> patterns, tiers;
    std::vector<int> head_dims{64, 128};
    int value_dim = 0, tokens = 0;
    std::string tuned = "all", cpu;
    bool json = false, quiet = false;
};

std::vector<const Tier *> tiers_of(const Platform &platform,
                                   const std::vector<std::string> &names) {
    std::vector<const Tier *> tiers;
    std::string known;
    for (const Tier &t : *platform.tiers) {
        known += std::string(known.empty() ? "" : ", ") + t.name;
        if (std::count(names.begin(), names.end(), t.name)) tiers.push_back(&t);
    }
    for (const std::string &name : names)
        if (!find_tier(platform, name))
            throw usage("--tiers " + name + ": no such tier; this target has " + known);
    return names.empty() ? default_tiers(platform) : tiers;
}

std::vector<KernelSpec> kernels_of(const Options &o) {
    std::vector<KernelSpec> kernels;
    try {
        const Dtypes dtypes = usage_dtypes(o.types);
        for (const int d : o.head_dims) {
            if (o.patterns.empty())
                add_kernel(kernels,
                           make_kernel(dtypes, d, o.value_dim, std::nullopt, "--head-dim"));
            for (const std::string &p : o.patterns)
                add_kernel(kernels, make_kernel(dtypes, d, o.value_dim, parse_pattern_option(p),
                                                "--head-dim"));
        }
    } catch (const Failure &failure) {
        throw usage(failure.what());
    }
    return kernels;
}

void check_name(const std::string &name) {
    const auto letter = [](char c) { return isalnum(static_cast<unsigned char>(c)) || c == '_'; };
    if (name.empty() || isdigit(static_cast<unsigned char>(name[0])) ||
        !std::all_of(name.begin(), name.end(), letter))
        throw usage("--name " + name + ": expected a C identifier");
}

// On a terminal one line that changes; elsewhere a line every tenth of the way.
Progress progress_on_stderr(bool quiet) {
    const bool terminal = isatty(STDERR_FILENO);
    return {[=](size_t done, size_t total, const std::string &what) {
        if (quiet) return;
        if (terminal)
            fprintf(stderr, "\r\033[K[%zu/%zu] %s%s", done, total, what.c_str(),
                    done == total ? "\n" : "");
        else if (done == total || done * 10 / total != (done - 1) * 10 / total)
            fprintf(stderr, "[%zu/%zu] %s\n", done, total, what.c_str());
    }};
}

TunedUse use_of(const Options &o, const Platform &platform, int tokens) {
    if (o.tuned != "all" && o.tuned != "builtin" && o.tuned != "none")
        throw usage("--tuned " + o.tuned + ": expected all, builtin or none");
    TunedUse use;
    use.from = o.tuned;
    use.platform = &platform;
    use.cpu = o.cpu;
    if (tokens > 0) use.tokens = tokens;
    use.warn = !o.quiet;
    return use;
}

void generate(const Options &o) {
    check_name(o.name);
    const Platform &platform = platform_of(o.target);
    int tokens = o.tokens;
    BundleRequest request{o.name, platform, tiers_of(platform, o.tiers), {}};
    if (o.spec.empty()) {
        request.kernels = kernels_of(o);
    } else {
        const Spec spec = parse_spec(read_file(o.spec), o.spec);
        request.kernels = spec.kernels;
        request.spec = spec;
        if (tokens == 0) tokens = spec.model.tokens;
    }
    request.tiles = tuned_tiles(use_of(o, request.platform, tokens));
    const std::string manifest = write_bundle(request, o.out, progress_on_stderr(o.quiet));
    if (o.json)
        std::cout << manifest;
    else
        std::cout << o.out << ": " << request.kernels.size() << " kernels, " << request.tiers.size()
                  << " tiers, " << library_file(request) << "\n";
}

}  // namespace

const Platform &platform_of(const std::string &triple) {
    if (const Platform *platform = find_platform(triple)) return *platform;
    std::string known = "host";
    for (const Platform &p : platforms()) known += std::string(", ") + p.examples;
    throw unsupported("--target " + triple + ": not supported; supported are " + known);
}

void add_generate(CLI::App &app) {
    auto o = std::make_shared<Options>();
    CLI::App *sub = app.add_subcommand("generate", "Write a bundle of kernels for a target");
    sub->add_option("--target", o->target, "Triple as clang writes it, or host")
        ->capture_default_str();
    sub->add_option("-o,--out", o->out, "Folder of the bundle; an earlier bundle is replaced")
        ->required();
    sub->add_option("--pattern", o->patterns, "Pattern to compile in; none: kernels for any")
        ->expected(1)
        ->take_all();
    add_dtype_options(*sub, o->types);
    sub->add_option("--head-dim", o->head_dims, "Head sizes")
        ->delimiter(',')
        ->capture_default_str();
    sub->add_option("--value-dim", o->value_dim, "V's head size when it is not K's");
    sub->add_option("--tiers", o->tiers, "Only these tiers")->delimiter(',');
    sub->add_option("--spec", o->spec,
                    "JSON list of kernels and layers instead of the options above");
    sub->add_option("--name", o->name, "Name of library, header and symbol prefix")
        ->capture_default_str();
    sub->add_option("--tuned", o->tuned,
                    "Tiles of the tuned database: all, builtin (without the user's) or none")
        ->capture_default_str();
    sub->add_option("--cpu", o->cpu, "Take entries for this CPU model (this machine's)");
    sub->add_option("--tokens", o->tokens,
                    "Take entries for sequences of this length (the spec's, else 4096)")
        ->check(CLI::Range(1, LAC_MAX_TOKENS));
    sub->add_flag("--json", o->json, "Print the manifest");
    sub->add_flag("--quiet", o->quiet, "No progress");
    sub->callback([o] { generate(*o); });
}

}  // namespace lacuna
