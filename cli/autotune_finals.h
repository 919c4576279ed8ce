// The end of autotune: the best Tiles once more, in processes that have done nothing else.
#pragma once
#include <functional>
#include <optional>

#include "cli/tuner.h"

namespace lacuna {

struct Winner {
    Tile tile;
    DuelResult duel;  // with the start
};

// This command once more, for --confirm and --against alone: prints the duel.
void confirm(const Contest &contest, const std::string &candidate, const std::string &rival);

// The first finalist that holds against the start, and is not worse than the tier's own Tile.
std::optional<Winner> winner_of(const TuneJob &job, const Goal &goal, const TunerResult &result,
                                const std::function<bool()> &stop);

}  // namespace lacuna
