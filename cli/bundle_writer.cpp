#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/bundle.h"
#include "cli/cache_cost.h"
#include "cli/embedded.h"
#include "cli/errors.h"
#include "cli/files.h"
#include "cli/pattern_option.h"
#include "cli/process.h"
#include "cli/toolchain.h"
#include "schedules/tile_text.h"

namespace lacuna {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

namespace {

ordered_json kernel_json(const BundleRequest &request, const KernelSpec &k,
                         const std::vector<VariantFunctions> &variants) {
    ordered_json row{{"name", k.name()},
                     {"dtype", dtype_name(k.dtypes.q)},
                     {"kv_dtype", k.dtypes.kv_name()},
                     {"arithmetic", dtype_name(k.dtypes.arithmetic)},
                     {"head_dim", k.head_dim},
                     {"value_dim", k.value_dim},
                     {"pattern", k.pattern ? ordered_json(canonical(*k.pattern)) : nullptr},
                     {"tiers", ordered_json::array()}};
    for (size_t i = 0; i < variants.size(); i++) {
        const Tier own = tier_of(k, *request.tiers[i]), *t = &own;
        const Format &f = t->format;
        const Tiles &tiles = variants[i].tiles;
        const int scores = tiles.tile.rows * (f.chunk + 1) * f.panel_keys;
        const int weights = tiles.tile.value_rows * (f.chunk + 1) * f.panel_keys;
        const int rows = tiles.tile.value_rows * padded_features(k.value_dim, f);
        row["tiers"].push_back({{"tier", t->name},
                                {"arithmetic", dtype_name(arithmetic_of(k, *t))},
                                {"panel_keys", f.panel_keys},
                                {"chunk_panels", f.chunk},
                                {"tile_rows", tiles.tile.rows},
                                {"tile", tile_text(tiles.tile)},
                                {"tile_from", tiles.tile_from},
                                {"few", tile_text(tiles.few)},
                                {"few_from", tiles.few_from},
                                {"stack_bytes", (scores + weights + rows) * 4}});
    }
    return row;
}

// Copies objects under the names that the archive's members will have.
std::vector<fs::path> collect_members(const fs::path &dir,
                                      const std::map<std::string, fs::path> &objects) {
    std::vector<fs::path> members;
    fs::create_directories(dir);
    for (const auto &[name, object] : objects) {
        members.push_back(dir / (name + ".o"));
        fs::copy_file(object, members.back(), fs::copy_options::overwrite_existing);
    }
    return members;
}

// Caches are counted where the spec says how many tokens and heads there are, and of which type.
void put_layers(ordered_json &manifest, const Spec &spec) {
    if (spec.layers.empty()) return;
    const Model &m = spec.model;
    const bool counted = m.tokens > 0 && m.kv_heads > 0 && spec.types.size() == 1;
    const double token = counted ? token_bytes(spec.types[0], m.kv_heads) : 0;
    double all = 0;
    ordered_json layers = ordered_json::array();
    for (const Layer &layer : spec.layers) {
        layers.push_back({{"layer", layers.size()},
                          {"pattern", canonical(layer.pattern)},
                          {"kernels", layer.kernels}});
        if (!counted) continue;
        const double bytes = token * retained_keys(layer.pattern, m.tokens);
        layers.back()["cache_bytes"] = std::llround(bytes);
        all += bytes;
    }
    if (counted) {
        manifest["model"] = {{"tokens", m.tokens},
                             {"token_bytes", std::llround(token)},
                             {"cache_bytes", std::llround(all)},
                             {"dense_cache_bytes",
                              std::llround(token * m.tokens * static_cast<double>(layers.size()))}};
    }
    manifest["layers"] = layers;
}

ordered_json file_hashes(const fs::path &root) {
    std::vector<std::string> names;
    for (const auto &entry : fs::recursive_directory_iterator(root))
        if (entry.is_regular_file()) names.push_back(fs::relative(entry.path(), root).string());
    std::sort(names.begin(), names.end());
    ordered_json files = ordered_json::object();
    for (const std::string &name : names) {
        const std::string bytes = read_file((root / name).string());
        files[name] = {{"bytes", bytes.size()}, {"sha256", sha256(bytes)}};
    }
    return files;
}

}  // namespace

void write_headers(const BundleRequest &request, const fs::path &bundle) {
    write_file(bundle / "include" / (request.name + ".h"), header_text(request));
    for (const char *header : {"lacuna.h", "lacuna.hpp", "cache.h", "rope.h", "router.h"})
        write_file(bundle / "include/lacuna" / header,
                   embedded_file(std::string("runtime/include/lacuna/") + header));
}

std::string write_bundle(const BundleRequest &request, const std::string &directory,
                         const Progress &progress) {
    StagedDirectory stage(directory);
    const BundleFunctions functions = functions_of(request);
    const std::vector<Function> wanted = unique_functions(functions);
    size_t done = 0;
    auto objects = compile_functions(request.platform, wanted, [&](const std::string &symbol) {
        progress.step(++done, wanted.size() + 1, symbol);
    });
    for (const auto &[name, object] : runtime_objects(request.platform)) objects[name] = object;
    objects[request.name + "_table"] = table_object(request, functions);
    progress.step(wanted.size() + 1, wanted.size() + 1, "runtime");

    const fs::path members = stage.path() / "members";
    const fs::path library = stage.path() / "lib" / library_file(request);
    fs::create_directories(library.parent_path());
    write_archive(request.platform, library, collect_members(members, objects));
    fs::remove_all(members);
    write_headers(request, stage.path());
    write_file(stage.path() / "lib/cmake" / request.name / (request.name + "-config.cmake"),
               cmake_config_text(request));
    write_file(stage.path() / "lib/pkgconfig" / (request.name + ".pc"), pkg_config_text(request));

    ordered_json manifest{{"lacuna", LACUNA_VERSION},
                          {"halide", HALIDE_VERSION},
                          {"abi_version", LAC_ABI_VERSION},
                          {"name", request.name},
                          {"target", request.platform.clang_triple},
                          {"kernels", ordered_json::array()}};
    for (size_t i = 0; i < request.kernels.size(); i++)
        manifest["kernels"].push_back(kernel_json(request, request.kernels[i], functions[i]));
    if (request.spec) put_layers(manifest, *request.spec);
    manifest["scratch_bytes_per_thread"] = 1 << 20;
    manifest["files"] = file_hashes(stage.path());
    const std::string text = manifest.dump(2) + "\n";
    write_file(stage.path() / "manifest.json", text);
    stage.commit();
    return text;
}

}  // namespace lacuna
