// What autotune found, as text or JSON.
#pragma once
#include "cli/autotune_finals.h"

namespace lacuna {

void report(bool json, const TuneJob &job, const Goal &goal, const TuneKey &key,
            const TunerResult &result, const std::optional<Winner> &winner,
            const TunedStore &store);

}  // namespace lacuna
