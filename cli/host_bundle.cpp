#include "cli/host_bundle.h"

#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>

#include "cli/cache.h"
#include "cli/errors.h"
#include "cli/toolchain.h"
#include "cli/tuned_tiles.h"

namespace lacuna {

namespace fs = std::filesystem;

namespace {

BundleRequest request_for(const std::vector<KernelSpec> &kernels) {
    const Platform &platform = *find_platform("host");
    return {"lac_host", platform, default_tiers(platform), kernels, tuned_tiles({})};
}

fs::path library_of(const std::string &table) {
    return cached_object("shared " + table).replace_extension(".so");
}

}  // namespace

fs::path library_path(const BundleRequest &request) {
    return library_of(table_source(request, functions_of(request)));
}

// Kernels and table alone: this process has the runtime.
fs::path bundle_library(const BundleRequest &request) {
    const BundleFunctions functions = functions_of(request);
    const std::string table = table_source(request, functions);
    const fs::path library = library_of(table);
    if (fs::exists(library)) return library;
    std::vector<fs::path> objects;
    const auto compiled =
        compile_functions(request.platform, unique_functions(functions), [](const auto &) {});
    for (const auto &[symbol, object] : compiled) objects.push_back(object);
    objects.push_back(table_object(request, functions));
    // The runtime packs its rows, by functions that the table names and this process keeps.
    const auto fixed8 = [](const KernelSpec &k) { return k.dtypes.fixed8(); };
    if (std::any_of(request.kernels.begin(), request.kernels.end(), fixed8))
        objects.push_back(runtime_objects(request.platform).at("lacuna_fixed8"));
    const fs::path fresh = library.string() + "." + std::to_string(getpid());
    link_shared(objects, fresh);
    fs::rename(fresh, library);
    return library;
}

const lac_bundle *host_bundle(const std::vector<KernelSpec> &kernels) {
    return load_bundle(request_for(kernels));
}

const lac_bundle *load_bundle(const BundleRequest &request) {
    const fs::path library = bundle_library(request);
    void *handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle) throw Failure(kInternal, std::string("loading kernels: ") + dlerror());
    const void *symbol = dlsym(handle, (request.name + "_kernels").c_str());
    if (!symbol) throw Failure(kInternal, std::string("loading kernels: ") + dlerror());
    return static_cast<const lac_bundle *>(symbol);
}

}  // namespace lacuna
