// The Tiles that a kernel could take on a tier: what autotune searches. Nothing of the cache format
// is in them.
#pragma once
#include <vector>

#include "schedules/tile.h"

namespace lacuna {

struct SpaceRequest {
    Format format;
    int registers;  // vectors
    int head_dim, value_dim;
    bool few;             // rows of a step; else those of prefill
    int most_rows;        // of few: the kernel's whole tile
    Tile start;           // always among them
    bool halves = false;  // arithmetic in f16: the rows of the start, and no streams
};

// Each Tile once, of those that mean the same code one.
std::vector<Tile> tile_space(const SpaceRequest &request);

}  // namespace lacuna
