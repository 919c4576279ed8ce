#include "cli/contest.h"

#include <filesystem>

#include "cli/errors.h"
#include "cli/host_bundle.h"

namespace lacuna {

void HostContest::compile(const Tile &tile) const { bundle_library(job_.request(tile)); }

DuelResult HostContest::meet(const Tile &candidate, const Tile &rival,
                             const Patience &patience) const {
    const lac_bundle *bundle = load_bundle(job_.request(candidate));
    if (const std::string wrong = disagreement(job_, *bundle); !wrong.empty())
        throw Failure(kFinding, wrong);
    return duel(job_, *bundle, *load_bundle(job_.request(rival)), patience);
}

void HostContest::forget(const Tile &tile) const {
    std::error_code ignored;
    std::filesystem::remove(library_path(job_.request(tile)), ignored);
}

}  // namespace lacuna
