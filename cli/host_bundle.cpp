#include "cli/host_bundle.h"

#include <dlfcn.h>
#include <unistd.h>

#include "cli/bundle.h"
#include "cli/cache.h"
#include "cli/errors.h"
#include "cli/toolchain.h"

namespace lacuna {

namespace fs = std::filesystem;

namespace {

BundleRequest request_for(const std::vector<KernelSpec> &kernels) {
    const Platform &platform = *find_platform("host");
    return {"lac_host", platform, default_tiers(platform), kernels, {}};
}

// Kernels and table alone: this process has the runtime.
fs::path shared_object(const BundleRequest &request) {
    const BundleFunctions functions = functions_of(request);
    const std::string table = table_source(request, functions);
    const fs::path library = cached_object("shared " + table).replace_extension(".so");
    if (fs::exists(library)) return library;
    std::vector<fs::path> objects;
    const auto compiled =
        compile_functions(request.platform, unique_functions(functions), [](const auto &) {});
    for (const auto &[symbol, object] : compiled) objects.push_back(object);
    objects.push_back(table_object(request, functions));
    const fs::path fresh = library.string() + "." + std::to_string(getpid());
    link_shared(objects, fresh);
    fs::rename(fresh, library);
    return library;
}

}  // namespace

const lac_bundle *host_bundle(const std::vector<KernelSpec> &kernels) {
    const BundleRequest request = request_for(kernels);
    const fs::path library = shared_object(request);
    void *handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle) throw Failure(kInternal, std::string("loading kernels: ") + dlerror());
    const void *symbol = dlsym(handle, (request.name + "_kernels").c_str());
    if (!symbol) throw Failure(kInternal, std::string("loading kernels: ") + dlerror());
    return static_cast<const lac_bundle *>(symbol);
}

}  // namespace lacuna
