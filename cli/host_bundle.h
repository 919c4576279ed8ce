// Kernels for this machine, compiled on first use and loaded into this process.
#pragma once
#include <vector>

#include "cli/spec.h"

namespace lacuna {

// All tiers of the host. Compiled objects are cached; the bundle lives until the process ends.
const lac_bundle *host_bundle(const std::vector<KernelSpec> &kernels);

}  // namespace lacuna
