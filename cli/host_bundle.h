// Kernels for this machine, compiled on first use and loaded into this process.
#pragma once
#include <filesystem>
#include <vector>

#include "cli/bundle.h"
#include "cli/spec.h"

namespace lacuna {

// All tiers of the host. Compiled objects are cached; the bundle lives until the process ends.
const lac_bundle *host_bundle(const std::vector<KernelSpec> &kernels);

// The two halves of it for any request of this machine's: compiled to a cached shared library, and
// loaded.
std::filesystem::path library_path(const BundleRequest &request);  // there or not
std::filesystem::path bundle_library(const BundleRequest &request);
const lac_bundle *load_bundle(const BundleRequest &request);

}  // namespace lacuna
