// A bundle: one static library, its header, CMake and pkg-config files and a manifest.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/kernel_jobs.h"

namespace lacuna {

// What --target names. A Failure that lists what is supported.
const Platform &platform_of(const std::string &triple);

using ChooseTiles = std::function<Tiles(const KernelSpec &, const Tier &code)>;

struct BundleRequest {
    std::string name;  // of library, header and bundle symbol, and the prefix of every kernel
    const Platform &platform;
    std::vector<const Tier *> tiers;  // best first
    std::vector<KernelSpec> kernels;
    ChooseTiles tiles = nullptr;              // null: those of the tiers
    std::optional<Spec> spec = std::nullopt;  // whose layers the manifest lists
};

// What a kernel's products are computed in on a tier.
lac_type arithmetic_of(const KernelSpec &kernel, const Tier &tier);

// The functions of every kernel on every tier: [kernel][tier].
using BundleFunctions = std::vector<std::vector<VariantFunctions>>;
BundleFunctions functions_of(const BundleRequest &request);

// Texts of the generated files.
std::string table_source(const BundleRequest &request, const BundleFunctions &functions);
std::string header_text(const BundleRequest &request);
std::string cmake_config_text(const BundleRequest &request);
std::string pkg_config_text(const BundleRequest &request);
std::string library_file(const BundleRequest &request);  // "liblacuna_kernels.a"

std::vector<Function> unique_functions(const BundleFunctions &functions);

// Objects of the runtime's sources and of the table, compiled through the cache.
std::map<std::string, std::filesystem::path> runtime_objects(const Platform &platform);
std::filesystem::path table_object(const BundleRequest &request, const BundleFunctions &functions);

// The bundle's header and the runtime's, under `bundle`/include.
void write_headers(const BundleRequest &request, const std::filesystem::path &bundle);

struct Progress {
    std::function<void(size_t done, size_t total, const std::string &what)> step;
};

// Builds the bundle and swaps it into place at `directory`; returns the manifest (JSON).
std::string write_bundle(const BundleRequest &request, const std::string &directory,
                         const Progress &progress);

}  // namespace lacuna
