// How the stages run: one function per kind of stages, for one family of targets. Schedules hold
// schedule calls only; they know no pattern.
#pragma once
#include "generators/stages.h"

namespace lacuna {

struct Schedule {
    void (*queries)(PackQueriesStages &, const Tile &, int lanes);
    void (*keys)(PackKeysStages &, const Tile &, int lanes);
    void (*values)(PackValuesStages &, const Tile &, int lanes);
    void (*partial)(PartialStages &, const Tile &, int lanes);
    void (*gather)(GatherStages &, const Tile &, int lanes);
    void (*pairs)(PairsStages &, const Tile &, int lanes);
    void (*merge)(MergeStages &, const Tile &, int lanes);
    void (*summarise)(SummariseStages &, const Tile &, int lanes);
    void (*route)(RouteStages &, const Tile &, int lanes);
    bool by_squares = false;  // K is transposed so: generators/transpose.h
};

extern const Schedule kGenericSchedule;  // slow, always right
extern const Schedule kVectorSchedule;   // x86-64 from SSE4.1 to AVX-512
extern const Schedule kArmSchedule;      // NEON

}  // namespace lacuna
