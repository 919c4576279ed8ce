#include "cli/kernel_jobs.h"

#include <unistd.h>

#include "Halide.h"
#include "cli/cache.h"
#include "cli/embedded.h"
#include "cli/errors.h"
#include "cli/pattern_option.h"
#include "cli/process.h"

namespace lacuna {

namespace fs = std::filesystem;

namespace {

std::string describe(const Platform &platform, const Function &f) {
    std::string text = f.symbol + " " + f.generator + " " + platform.clang_triple + " " +
                       halide_target(platform, *f.tier).to_string();
    for (const auto &[key, value] : f.params) text += " " + key + "=" + value;
    return text;
}

// What Halide calls an element type.
std::string halide_type(const std::string &dtype) {
    static const std::map<std::string, std::string> types{{"f32", "float32"}};
    return types.at(dtype);
}

// Compiles into a folder of its own and renames, so that the cache never holds half an object.
void compile(const Platform &platform, const Function &f, const fs::path &object) {
    const fs::path dir = object.string() + "." + std::to_string(getpid());
    fs::create_directory(dir);
    Halide::Internal::ExecuteGeneratorArgs args;
    args.output_dir = dir.string();
    args.output_types = {Halide::OutputFileType::object};
    args.targets = {halide_target(platform, *f.tier)};
    args.generator_name = f.generator;
    args.function_name = f.symbol;
    args.generator_params = {f.params.begin(), f.params.end()};
    std::string error;
    try {
        Halide::Internal::execute_generator(args);
        for (const auto &entry : fs::directory_iterator(dir)) fs::rename(entry.path(), object);
    } catch (const Halide::Error &e) {  // no std::exception
        error = e.what();
    } catch (const std::exception &e) {
        error = e.what();
    }
    fs::remove_all(dir);
    if (!error.empty()) throw Failure(kInternal, error);
}

}  // namespace

std::vector<const Function *> VariantFunctions::all() const {
    std::vector<const Function *> list{&pack_queries, &pack_keys, &pack_values, &partial,
                                       &partial_few,  &fold,      &merge};
    for (const auto *f : {&gather, &gather_few, &gather_row, &pairs, &summarise, &route})
        if (*f) list.push_back(&**f);
    return list;
}

VariantFunctions functions_of(const std::string &prefix, const KernelSpec &kernel,
                              const Platform &platform, const Tier &tier) {
    const Tier &code = tier.shares ? *find_tier(platform, tier.shares) : tier;
    const std::string head = std::to_string(kernel.head_dim);
    const std::string value = std::to_string(kernel.value_dim);
    const auto make = [&](const std::string &generator, const std::string &types,
                          std::map<std::string, std::string> params) {
        params["triple"] = platform.clang_triple;
        params["tier"] = code.name;
        return Function{prefix + "_" + generator + "_" + types + "_" + code.name, generator,
                        std::move(params), &code};
    };
    using Params = std::map<std::string, std::string>;
    const std::string type = halide_type(kernel.dtype);
    const auto for_head = [&](const char *g, Params params) {
        params["head_dim"] = head;
        return make(g, kernel.dtype + "_d" + head, params);
    };
    const auto for_value = [&](const char *g, Params params) {
        params["value_dim"] = value;
        return make(g, kernel.dtype + "_d" + value, params);
    };
    Params both{
        {"head_dim", head}, {"value_dim", value}, {"keys.type", type}, {"values.type", type}};
    Params few = both;
    few["rows"] = std::to_string(code.few.rows);
    const auto named = [&](const std::string &name, const char *generator, Params params) {
        Function f = make(generator, kernel.types(), std::move(params));
        f.symbol = prefix + "_" + name + "_" + kernel.types() + "_" + code.name;
        return f;
    };
    const Params source{{"source.type", type}};
    VariantFunctions all{for_head("pack_queries", source),
                         for_head("pack_keys", source),
                         for_value("pack_values", source),
                         named("partial", "partial", both),
                         named("partial_few", "partial", few),
                         for_value("fold", {}),
                         for_value("merge", {{"out_type", type}}),
                         {},
                         {},
                         {},
                         {},
                         {},
                         {}};
    if (kernel.pattern) {
        both["pattern"] = few["pattern"] = canonical(*kernel.pattern);
        all.partial = named("partial_" + slug(*kernel.pattern), "partial", both);
        all.partial_few = named("partial_few_" + slug(*kernel.pattern), "partial", few);
        return all;
    }
    all.gather = named("gather", "gather", both);
    all.pairs = named("pairs", "pairs", both);
    all.gather_few = named("gather_few", "gather", few);
    both["rows"] = "1";
    all.gather_row = named("gather_row", "gather", both);
    all.summarise = for_head("summarise", source);
    all.route = for_head("route", {{"queries.type", type}});
    return all;
}

std::map<std::string, fs::path> compile_functions(
    const Platform &platform, const std::vector<Function> &functions,
    const std::function<void(const std::string &symbol)> &done) {
    std::map<std::string, fs::path> objects;
    std::vector<ForkedTask> tasks;
    for (const Function &f : functions) {
        const fs::path object = cached_object(describe(platform, f));
        if (!objects.emplace(f.symbol, object).second) continue;
        if (fs::exists(object))
            done(f.symbol);
        else
            tasks.push_back({f.symbol, [&platform, &f, object] { compile(platform, f, object); }});
    }
    run_forked(tasks, processors(), done);
    return objects;
}

}  // namespace lacuna
