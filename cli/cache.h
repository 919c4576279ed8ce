// Compiled objects by content: a kernel or runtime source is compiled once for all the bundles
// that need it, as long as nothing that decides its code has changed.
#pragma once
#include <filesystem>
#include <string>

namespace lacuna {

// $LACUNA_CACHE, else $XDG_CACHE_HOME/lacuna, else ~/.cache/lacuna; made when it is missing.
std::filesystem::path cache_directory();

// The place of an object in the cache. `description` says all that decides its content besides
// this build of Lacuna itself.
std::filesystem::path cached_object(const std::string &description);

}  // namespace lacuna
