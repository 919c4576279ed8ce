#include "cli/kernel_jobs.h"

#include <unistd.h>

#include "Halide.h"
#include "cli/cache.h"
#include "cli/embedded.h"
#include "cli/errors.h"
#include "cli/files.h"
#include "cli/pattern_option.h"
#include "cli/process.h"
#include "generators/fixed8.h"
#include "schedules/tile_text.h"

namespace lacuna {

namespace fs = std::filesystem;

namespace {

std::string describe(const Platform &platform, const Function &f) {
    std::string text = f.symbol + " " + f.generator + " " + platform.clang_triple + " " +
                       halide_target(platform, *f.tier).to_string();
    for (const auto &[key, value] : f.params) text += " " + key + "=" + value;
    return text;
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
        for (const auto &entry : fs::directory_iterator(dir)) {
            // Scratch of more than 16 KiB: no runtime here would serve it.
            if (read_file(entry.path().string()).find("halide_malloc") != std::string::npos)
                error = "its scratch does not fit on the stack";
            else
                fs::rename(entry.path(), object);
        }
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
    std::vector<const Function *> list{&pack_queries, &pack_keys,     &pack_values,
                                       &append_keys,  &append_values, &partial,
                                       &partial_few,  &fold,          &merge};
    for (const auto *f : {&gather, &gather_few, &pairs, &summarise, &route, &partial_row})
        if (*f) list.push_back(&**f);
    return list;
}

namespace {

using Params = std::map<std::string, std::string>;

Params typed(const char *parameter, lac_type type) { return {{parameter, halide_type_name(type)}}; }

// From rows of one type to panels of another, or of the same: "f16", "f32_f16".
std::string packing(lac_type from, lac_type to) {
    return (from == to ? "" : dtype_name(from) + std::string("_")) + dtype_name(to);
}
Params packing_params(lac_type from, lac_type to) {
    return {{"source.type", halide_type_name(from)}, {"stored", halide_type_name(to)}};
}

// Kernels share the functions that do not tell them apart: one is named by the types and sizes that
// it knows alone.
class Functions {
public:
    Functions(const std::string &prefix, const KernelSpec &kernel, const Platform &platform,
              const Tier &tier, const Tiles &tiles)
        : prefix_(prefix),
          kernel_(kernel),
          platform_(platform),
          code_(code_of(platform, tier)),
          products_(products_of(platform, tier, kernel)),
          tiles_(tiles) {}

    // Of Q or K, or of V or the output.
    Function of_head(const char *generator, const std::string &types, Params params) const {
        return of_head(generator, types, std::move(params), code_);
    }
    Function of_value(const char *name, const std::string &types, Params params,
                      const char *generator = nullptr) const {
        return of_value(name, types, std::move(params), generator ? generator : name, code_);
    }
    Function of_fixed8(const char *name, const char *generator, Params params = {}) const {
        params["head_dim"] = std::to_string(kernel_.head_dim);
        params["value_dim"] = std::to_string(kernel_.value_dim);
        return make(name, kernel_.types(), generator, std::move(params), code_);
    }
    // A tier that groups integers in a way of its own packs them itself.
    Function pack_keys(lac_type from) const {
        const lac_type k = kernel_.dtypes.k;
        const bool same = products_.format.key_group == code_.format.key_group;
        return of_head("pack_keys", packing(from, k), packing_params(from, k),
                       same ? code_ : products_);
    }
    Function pack_values(lac_type from) const {
        const lac_type v = kernel_.dtypes.v;
        const bool same = products_.format.value_group == code_.format.value_group;
        return of_value("pack_values", packing(from, v), packing_params(from, v), "pack_values",
                        same ? code_ : products_);
    }
    // Of K in panels: integers and halves are multiplied by the tier's own instructions.
    Function partial(const std::string &name, Params params = {}) const {
        if (computes_in_halves()) params["arithmetic"] = halide_type_name(LAC_F16);
        return of_both(name, "partial", std::move(params), products_);
    }
    // Of listed keys, which lie in rows.
    Function listed(const std::string &name, const char *generator, Params params = {}) const {
        return of_both(name, generator, std::move(params), code_);
    }
    // Those that know a tile or its rows are named by what is not the tier's.
    Function tiled(Function f, const Tile &tile, const Tile &usual) const {
        if (tile != usual) {
            f.params["tile"] = tile_text(tile);
            f.symbol += "_t" + tile_text(tile, "x");
        }
        return with_rows(std::move(f));
    }
    Function with_rows(Function f) const {
        if (tiles_.tile.rows == code_.tile.rows) return f;
        f.params["tile_rows"] = std::to_string(tiles_.tile.rows);
        f.symbol += "_r" + std::to_string(tiles_.tile.rows);
        return f;
    }
    Function whole(Function f) const {
        const Tier &usual = *f.tier;
        return tiled(std::move(f), has_own_tiles(usual) ? usual.tile : tiles_.tile, usual.tile);
    }
    Function few(Function f) const {
        const Tier &usual = *f.tier;
        return tiled(std::move(f), has_own_tiles(usual) ? usual.few : tiles_.few, usual.few);
    }
    bool computes_in_halves() const { return kernel_.dtypes.halves() && products_.halves; }

private:
    // Beside the kernel's tiles, which are those of products in f16.
    bool has_own_tiles(const Tier &code) const {
        return computes_in_halves() && &code != &products_;
    }
    Function of_head(const char *generator, const std::string &types, Params params,
                     const Tier &code) const {
        const std::string size = std::to_string(kernel_.head_dim);
        params["head_dim"] = size;
        return make(generator, types + "_d" + size, generator, std::move(params), code);
    }
    Function of_value(const char *name, const std::string &types, Params params,
                      const char *generator, const Tier &code) const {
        const std::string size = std::to_string(kernel_.value_dim);
        params["value_dim"] = size;
        return make(name, types + "_d" + size, generator, std::move(params), code);
    }
    // Named as in a kernel whose Q is of K's type, or f32 where K's are integers.
    Function of_both(const std::string &name, const char *generator, Params params,
                     const Tier &code) const {
        KernelSpec types = kernel_;
        types.dtypes.q = types.dtypes.k == LAC_I8 ? LAC_F32 : types.dtypes.k;
        types.dtypes.arithmetic = params.count("arithmetic") ? LAC_F16 : LAC_F32;
        params["head_dim"] = std::to_string(types.head_dim);
        params["value_dim"] = std::to_string(types.value_dim);
        params["keys.type"] = halide_type_name(types.dtypes.k);
        params["values.type"] = halide_type_name(types.dtypes.v);
        return make(name, types.types(), generator, std::move(params), code);
    }
    Function make(const std::string &name, const std::string &types, const std::string &generator,
                  Params params, const Tier &code) const {
        params["triple"] = platform_.clang_triple;
        params["tier"] = code.name;
        return {prefix_ + "_" + name + "_" + types + "_" + code.name, generator, std::move(params),
                &code};
    }

    const std::string &prefix_;
    const KernelSpec &kernel_;
    const Platform &platform_;
    const Tier &code_, &products_;
    const Tiles &tiles_;
};

VariantFunctions fixed8_functions(const Functions &f, const Tier &code, const Tiles &tiles) {
    const auto own = [&](const char *symbol) { return Function{symbol, "", {}, &code}; };
    const Function keys = own("lacuna::pack_fixed8_keys");
    const Function values = own("lacuna::pack_fixed8_values");
    const std::string few = std::to_string(kFixed8Few.rows);
    return {
        tiles,
        own("nullptr"),
        keys,
        values,
        keys,
        values,
        f.of_fixed8("partial", "fixed8_partial"),
        f.of_fixed8("partial_few", "fixed8_partial", {{"rows", few}}),
        f.of_value("fold", "fixed8", {}, "fixed8_fold"),
        f.of_value("merge", "fixed8", {}, "fixed8_merge"),
    };
}

}  // namespace

Tier tier_of(const KernelSpec &kernel, const Tier &tier) {
    Tier own = tier;
    if (!kernel.dtypes.fixed8()) return own;
    own.format = kFixed8Format;
    own.tile = kFixed8Tile;
    own.few = kFixed8Few;
    return own;
}

const Tier &code_of(const Platform &platform, const Tier &tier) {
    return tier.shares ? *find_tier(platform, tier.shares) : tier;
}

const Tier &products_of(const Platform &platform, const Tier &tier, const KernelSpec &kernel) {
    const Tier *halves = kernel.dtypes.halves() ? halves_of(platform, tier) : nullptr;
    if (halves) return *halves;
    const bool integers = kernel.dtypes.k == LAC_I8 || kernel.dtypes.v == LAC_I8;
    return integers && tier.own_integers ? tier : code_of(platform, tier);
}

VariantFunctions functions_of(const std::string &prefix, const KernelSpec &kernel,
                              const Platform &platform, const Tier &tier, const Tiles &tiles) {
    const Functions f(prefix, kernel, platform, tier, tiles);
    if (kernel.dtypes.fixed8()) return fixed8_functions(f, code_of(platform, tier), tiles);
    const lac_type q = kernel.dtypes.q, k = kernel.dtypes.k, v = kernel.dtypes.v;
    const std::string rows = std::to_string(code_of(platform, tier).few.rows);
    VariantFunctions all{
        tiles,
        f.of_head("pack_queries", dtype_name(q), typed("source.type", q)),
        f.pack_keys(k),
        f.pack_values(v),
        f.pack_keys(q),
        f.pack_values(q),
        f.whole(f.partial("partial")),
        f.few(f.partial("partial_few", {{"rows", rows}})),
        // Partial results are f32.
        f.with_rows(f.of_value("fold", dtype_name(LAC_F32), {})),
        f.with_rows(f.of_value("merge", dtype_name(q), typed("out_type", q))),
    };
    const auto partial_row = [&](const std::string &name, Params params) {
        params["rows"] = "1";
        all.partial_row = f.with_rows(f.partial(name, std::move(params)));
    };
    partial_row("partial_row", {});
    if (kernel.pattern) {
        const std::string pattern = canonical(*kernel.pattern), name = slug(*kernel.pattern);
        all.partial = f.whole(f.partial("partial_" + name, {{"pattern", pattern}}));
        all.partial_few =
            f.few(f.partial("partial_few_" + name, {{"pattern", pattern}, {"rows", rows}}));
        partial_row("partial_row_" + name, {{"pattern", pattern}});
        return all;
    }
    all.gather = f.whole(f.listed("gather", "gather"));
    all.gather_few = f.few(f.listed("gather_few", "gather", {{"rows", rows}}));
    all.pairs = f.with_rows(f.listed("pairs", "pairs"));
    all.summarise = f.of_head("summarise", dtype_name(k), typed("source.type", k));
    all.route = f.of_head("route", dtype_name(q), typed("queries.type", q));
    return all;
}

std::map<std::string, fs::path> compile_functions(
    const Platform &platform, const std::vector<Function> &functions,
    const std::function<void(const std::string &symbol)> &done) {
    std::map<std::string, fs::path> objects;
    std::vector<ForkedTask> tasks;
    for (const Function &f : functions) {
        const fs::path object = cached_object(describe(platform, f));
        const auto [known, added] = objects.emplace(f.symbol, object);
        if (!added && known->second != object)
            throw Failure(kInternal, "two functions are called " + f.symbol);
        if (!added) continue;
        if (fs::exists(object))
            done(f.symbol);
        else
            tasks.push_back({f.symbol, [&platform, &f, object] { compile(platform, f, object); }});
    }
    run_forked(tasks, processors(), done);
    return objects;
}

}  // namespace lacuna
