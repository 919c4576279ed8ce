// Register blocks of NEON that schedules/arm.cpp does not hold itself.
#pragma once
#include "schedules/vectors.h"

namespace lacuna::arm {

// Of arithmetic in f16: vectors of eight.
void half_dots(PartialStages &s, const Halide::Var &row_block, const Tile &tile, int lanes);
void half_products(PartialStages &s, const Tile &tile);

}  // namespace lacuna::arm
