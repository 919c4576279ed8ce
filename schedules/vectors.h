// The parts of a schedule for any target whose vectors hold `lanes` floats. A family of targets
// brings what its multiply-add wants in other places.
#pragma once
#include "schedules/schedule.h"

namespace lacuna::vectors {

// The register blocks of Q·K and of P·V.
struct Blocks {
    void (*dots)(PartialStages &, const Halide::Var &row_block, const Tile &, int lanes);
    void (*products)(PartialStages &, const Tile &, int lanes);
};

// A vector of scores, with a feature of Q for all of it: nothing is summed across its lanes.
void dots_by_panel(PartialStages &s, const Halide::Var &row_block, const Tile &tile, int lanes);
// Rows of Q as integers.
void units(PartialStages &s, int lanes);
// What a row's unit is.
void row_units(PartialStages &s);
// A vector of features, with a weight for all of it.
void products(PartialStages &s, const Tile &tile, int lanes);
// Planes of V that a register block of P·V covers: as many as the tile allows and divide them all.
int planes_at_once(const PartialStages &s, const Tile &tile);
// Features of a plane that it covers.
int part_of_plane(const PartialStages &s, const Tile &tile);

// out(ki, d, …): a panel of keys, transposed.
void by_squares(Halide::Func out, const Halide::Var &ki, const Halide::Var &d, Transposition &t,
                int panel_keys);

void partial(PartialStages &s, const Tile &tile, int lanes, const Blocks &blocks);
void gather(GatherStages &s, const Tile &tile, int lanes, const Blocks &blocks);

void queries(PackQueriesStages &s, const Tile &tile, int lanes);
void keys(PackKeysStages &s, const Tile &tile, int lanes);
void values(PackValuesStages &s, const Tile &tile, int lanes);
void pairs(PairsStages &s, const Tile &tile, int lanes);
void merge(MergeStages &s, const Tile &tile, int lanes);
void summarise(SummariseStages &s, const Tile &tile, int lanes);
void route(RouteStages &s, const Tile &tile, int lanes);

}  // namespace lacuna::vectors
