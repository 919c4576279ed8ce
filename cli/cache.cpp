#include "cli/cache.h"

#include <cstdlib>

#include "cli/embedded.h"
#include "cli/errors.h"
#include "cli/process.h"

namespace lacuna {

namespace fs = std::filesystem;

namespace {

fs::path chosen_directory() {
    if (const char *dir = std::getenv("LACUNA_CACHE"); dir && *dir) return dir;
    if (const char *dir = std::getenv("XDG_CACHE_HOME"); dir && *dir)
        return fs::path(dir) / "lacuna";
    if (const char *home = std::getenv("HOME"); home && *home)
        return fs::path(home) / ".cache" / "lacuna";
    return fs::temp_directory_path() / "lacuna-cache";
}

}  // namespace

fs::path cache_directory() {
    const fs::path dir = chosen_directory();
    std::error_code error;
    fs::create_directories(dir, error);
    if (error)
        throw bad_input(dir.string() + ": cannot make the cache directory: " + error.message() +
                        " (LACUNA_CACHE names another)");
    return dir;
}

fs::path cached_object(const std::string &description) {
    return cache_directory() / (sha256(std::string(generator_hash()) + description) + ".o");
}

}  // namespace lacuna
