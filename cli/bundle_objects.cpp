#include <unistd.h>

#include <set>

#include "cli/bundle.h"
#include "cli/cache.h"
#include "cli/embedded.h"
#include "cli/files.h"
#include "cli/toolchain.h"

namespace lacuna {

namespace fs = std::filesystem;

namespace {

// The embedded sources unpacked where the compiler sees them.
class SourceTree {
public:
    SourceTree() {
        root_ = cache_directory() / ("sources." + std::to_string(getpid()));
        for (const EmbeddedFile &f : embedded_files()) write_file(root_ / f.path, f.text);
    }
    ~SourceTree() {
        std::error_code ignored;
        fs::remove_all(root_, ignored);
    }
    SourceTree(const SourceTree &) = delete;
    SourceTree &operator=(const SourceTree &) = delete;
    const fs::path &root() const { return root_; }

private:
    fs::path root_;
};

// Compiles through the cache; `name` is the source's name in the tree.
fs::path object_of(const Platform &platform, const SourceTree &tree, const std::string &name,
                   const std::string &description) {
    std::string options;
    for (const std::string &option : compile_options(platform)) options += option + " ";
    const fs::path object =
        cached_object("source " + name + " " + platform.clang_triple + " " + options + description);
    if (fs::exists(object)) return object;
    const fs::path fresh = object.string() + "." + std::to_string(getpid());
    compile_source(platform, tree.root() / name, tree.root(), fresh);
    fs::rename(fresh, object);
    return object;
}

}  // namespace

std::vector<Function> unique_functions(const BundleFunctions &functions) {
    std::vector<Function> unique;
    std::set<std::string> seen;
    for (const auto &kernel : functions)
        for (const VariantFunctions &variant : kernel)
            for (const Function *f : variant.all())
                if (f->compiled() && seen.insert(f->symbol).second) unique.push_back(*f);
    return unique;
}

std::map<std::string, fs::path> runtime_objects(const Platform &platform) {
    const SourceTree tree;
    std::map<std::string, fs::path> objects;
    for (const std::string_view source : runtime_sources())
        objects["lacuna_" + fs::path(source).stem().string()] =
            object_of(platform, tree, std::string(source), "");
    return objects;
}

fs::path table_object(const BundleRequest &request, const BundleFunctions &functions) {
    const SourceTree tree;
    const std::string table = table_source(request, functions);
    write_file(tree.root() / "table.cpp", table);
    return object_of(request.platform, tree, "table.cpp", table);
}

}  // namespace lacuna
