#include "cli/bundle.h"
#include "cli/errors.h"
#include "runtime/cpu.h"

namespace lacuna {

namespace {

std::string upper(std::string text) {
    for (char &c : text) c = static_cast<char>(toupper(c));
    return text;
}

std::string pattern_initialiser(const lac_pattern &p) {
    std::string text = "{sizeof(lac_pattern), " + std::to_string(p.bidi) + ", " +
                       std::to_string(p.atom_count) + ", {";
    for (uint32_t i = 0; i < p.atom_count; i++) {
        text += "{" + std::to_string(p.atom[i].kind) + ", {";
        for (const int32_t arg : p.atom[i].arg) text += std::to_string(arg) + ", ";
        text += "}, " + std::to_string(p.atom[i].first_head) + ", " +
                std::to_string(p.atom[i].end_head) + "}, ";
    }
    return text + "}}";
}

std::string types_initialiser(const Dtypes &dtypes, lac_type arithmetic) {
    std::string text;
    for (const lac_type type : {dtypes.q, dtypes.k, dtypes.v, arithmetic})
        text += std::string(lac_type_name(type)) + ", ";
    return text;
}

// Symbols and what bundle.h calls the types of their functions.
using Declared = std::map<std::string, std::string>;

void declare(const VariantFunctions &f, Declared &types) {
    types[f.pack_queries.symbol] = "PackQueriesFn";
    for (const Function *pack : {&f.pack_keys, &f.append_keys}) types[pack->symbol] = "PackKeysFn";
    for (const Function *pack : {&f.pack_values, &f.append_values})
        types[pack->symbol] = "PackValuesFn";
    types[f.partial.symbol] = types[f.partial_few.symbol] =
        f.partial.params.count("pattern") ? "PartialPatternFn" : "PartialWordsFn";
    if (f.partial_row) types[f.partial_row->symbol] = types[f.partial.symbol];
    for (const auto *gather : {&f.gather, &f.gather_few})
        if (*gather) types[(*gather)->symbol] = "GatherFn";
    if (f.pairs) types[f.pairs->symbol] = "PairsFn";
    types[f.fold.symbol] = "FoldFn";
    types[f.merge.symbol] = "MergeFn";
    if (f.summarise) types[f.summarise->symbol] = "SummariseFn";
    if (f.route) types[f.route->symbol] = "RouteFn";
}

std::string declarations(const BundleFunctions &functions) {
    Declared types;
    for (const auto &kernel : functions)
        for (const VariantFunctions &f : kernel) declare(f, types);
    std::string text = "extern \"C\" {\n";
    for (const auto &[symbol, type] : types)
        if (symbol.find(':') == std::string::npos && symbol != "nullptr")
            text += "lacuna::Signature<lacuna::" + type + "> " + symbol + ";\n";
    return text + "}\n";
}

std::string variant_row(const KernelSpec &k, const Tier &tier, const VariantFunctions &f,
                        const std::string &pattern) {
    const Format &format = tier.format;
    const int padded = padded_features(k.value_dim, format);
    const auto number = [](int n) { return std::to_string(n) + ", "; };
    std::string row =
        "    {\"" + std::string(tier.name) + "\", " + std::to_string(tier.cpu_features) + "u, " +
        number(format.panel_keys) + number(format.chunk) + number(format.plane) +
        number(format.costs.tile_pairs) + number(format.costs.list_pairs) +
        number(format.costs.pair_cost) + number(f.tiles.tile.rows) + number(tier.tile.rows) +
        number(format.key_group) + number(format.value_group) +
        types_initialiser(k.dtypes, arithmetic_of(k, tier)) + number(k.head_dim) +
        number(k.value_dim) + number(padded / format.plane) +
        number(partial_row(k.value_dim, format)) + number(kFoldItems) + pattern + ",\n     " +
        f.pack_queries.symbol + ", " + f.pack_keys.symbol + ", " + f.append_keys.symbol + ", " +
        f.pack_values.symbol + ", " + f.append_values.symbol + ",\n     ";
    const auto named = [](const std::optional<Function> &f) {
        return f ? f->symbol : std::string("nullptr");
    };
    const std::string partial =
        f.partial.symbol + ", " + f.partial_few.symbol + ", " + named(f.partial_row);
    const std::string none = "nullptr, nullptr, nullptr";
    row += (k.pattern ? none + ", " + partial : partial + ", " + none) + ",\n     ";
    row += named(f.gather) + ", " + named(f.gather_few) + ", " + named(f.pairs) + ", " +
           number(f.tiles.few.rows) + number(f.pairs ? kPairsMost : 0);
    return row + f.fold.symbol + ", " + f.merge.symbol + ", " + named(f.summarise) + ", " +
           named(f.route) + "},\n";
}

}  // namespace

lac_type arithmetic_of(const KernelSpec &kernel, const Tier &tier) {
    return tier.halves ? kernel.dtypes.arithmetic : LAC_F32;
}

namespace {

// Can the target do this at all?
void check_kernel(const BundleRequest &request, const KernelSpec &k) {
    const std::string target = "--target " + std::string(request.platform.clang_triple) + ": ";
    if (request.platform.halide_arch == Halide::Target::Hexagon && !k.dtypes.fixed8())
        throw unsupported(target + k.dtypes.name() +
                          ", expected --dtype fixed8: HVX computes in integers");
    std::string tiers;
    for (const Tier *t : request.tiers) {
        if (arithmetic_of(k, *t) == k.dtypes.arithmetic) return;
        tiers += (tiers.empty() ? "" : ", ") + std::string(t->name);
    }
    throw unsupported(target + k.name() + ": arithmetic in f16, which none of the tiers has (" +
                      tiers + "), expected a target with aarch64's fp16 or dotprod");
}

}  // namespace

bool suit_halves(const Tiles &tiles, const Tiles &usual) {
    return tiles.tile.rows == usual.tile.rows && tiles.few.rows == usual.few.rows &&
           !tiles.tile.streams && !tiles.few.streams;
}

BundleFunctions functions_of(const BundleRequest &request) {
    BundleFunctions all;
    for (const KernelSpec &k : request.kernels) {
        check_kernel(request, k);
        all.emplace_back();
        for (const Tier *t : request.tiers) {
            const Tier &code = products_of(request.platform, *t, k);
            const Tier own = tier_of(k, code);
            const Tiles usual{own.tile, own.few};
            Tiles tiles = request.tiles && !k.dtypes.fixed8() ? request.tiles(k, code) : usual;
            if (k.dtypes.halves() && !suit_halves(tiles, usual)) tiles = usual;
            all.back().push_back(functions_of(request.name, k, request.platform, *t, tiles));
        }
    }
    return all;
}

std::string table_source(const BundleRequest &request, const BundleFunctions &functions) {
    std::string variants, kernels;
    for (size_t i = 0; i < request.kernels.size(); i++) {
        const KernelSpec &k = request.kernels[i];
        const std::string id = std::to_string(i);
        const std::string pattern = k.pattern ? "&pattern_" + id : "nullptr";
        if (k.pattern)
            variants += "static const lac_pattern pattern_" + id + " = " +
                        pattern_initialiser(*k.pattern) + ";\n";
        variants += "static const lac_variant variants_" + id + "[] = {\n";
        for (size_t t = 0; t < request.tiers.size(); t++)
            variants += variant_row(k, tier_of(k, *request.tiers[t]), functions[i][t], pattern);
        variants += "};\n";
        kernels += "    {\"" + k.name() + "\", " +
                   types_initialiser(k.dtypes, k.dtypes.arithmetic) + std::to_string(k.head_dim) +
                   ", " + std::to_string(k.value_dim) + ", " + pattern + ", variants_" + id + ", " +
                   std::to_string(request.tiers.size()) + "},\n";
    }
    return "// The kernel table of bundle " + request.name +
           ".\n#include \"runtime/bundle.h\"\n#include \"runtime/fixed8.h\"\n\n" +
           declarations(functions) + "\n" + variants +
           "static const lac_kernel_entry kernels[] = {\n" + kernels + "};\n\n" +
           "extern \"C\" const lac_bundle " + request.name + "_kernels;\n" + "const lac_bundle " +
           request.name + "_kernels = {LAC_ABI_VERSION, \"" + request.name + "\", kernels, " +
           std::to_string(request.kernels.size()) + "};\n";
}

std::string header_text(const BundleRequest &request) {
    std::string list;
    for (const KernelSpec &k : request.kernels) list += " *   " + k.name() + "\n";
    const std::string guard = "LACUNA_BUNDLE_" + upper(request.name) + "_H";
    return "/* Bundle " + request.name + " for " + request.platform.clang_triple + ". Kernels:\n" +
           list + " */\n#ifndef " + guard + "\n#define " + guard +
           "\n#include \"lacuna/lacuna.h\"\n\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n"
           "extern const lac_bundle " +
           request.name + "_kernels;\n#ifdef __cplusplus\n}\n#endif\n#endif\n";
}

std::string library_file(const BundleRequest &request) {
    return std::string(request.platform.os) == "windows" ? request.name + ".lib"
                                                         : "lib" + request.name + ".a";
}

std::string cmake_config_text(const BundleRequest &request) {
    const std::string target = request.name + "::" + request.name;
    return "# find_package(" + request.name + " CONFIG) gives the target " + target +
           ".\n"
           "if(TARGET " +
           target +
           ")\n  return()\nendif()\n"
           "get_filename_component(_lacuna_root \"${CMAKE_CURRENT_LIST_DIR}/../../..\" ABSOLUTE)\n"
           "find_package(Threads REQUIRED)\n"
           "add_library(" +
           target +
           " STATIC IMPORTED)\n"
           "set_target_properties(" +
           target +
           " PROPERTIES\n"
           "  IMPORTED_LOCATION \"${_lacuna_root}/lib/" +
           library_file(request) +
           "\"\n"
           "  INTERFACE_INCLUDE_DIRECTORIES \"${_lacuna_root}/include\"\n"
           "  INTERFACE_LINK_LIBRARIES Threads::Threads)\n"
           "unset(_lacuna_root)\n";
}

std::string pkg_config_text(const BundleRequest &request) {
    const bool windows = std::string(request.platform.os) == "windows";
    return "prefix=${pcfiledir}/../..\nlibdir=${prefix}/lib\nincludedir=${prefix}/include\n\n"
           "Name: " +
           request.name + "\nDescription: attention kernels made by Lacuna for " +
           request.platform.clang_triple +
           "\nVersion: " LACUNA_VERSION
           "\nCflags: -I${includedir}\n"
           "Libs: -L${libdir} -l" +
           request.name + (windows ? "" : " -pthread") + "\n";
}

}  // namespace lacuna
