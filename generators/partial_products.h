// The dots and products of partial() whose numbers are not f32's own.
#pragma once
#include "generators/partial.h"

namespace lacuna {

// The largest magnitude of each row of Q, as bits.
void define_largest(PartialStages &s);
// A register block of several panels takes the last one again where there are no more.
Halide::Expr used_slot(const PartialStages &s, const PartialInputs &in);
// Weights times the scales of V.
void define_scaled_weight(PartialStages &s, const PartialInputs &in);

// Of K and V of 8 bits with rows of Q, and weights, as integers of 15.
void define_integer_dot(PartialStages &s, const PartialInputs &in);
void define_integer_product(PartialStages &s, const PartialInputs &in);
// Of arithmetic in f16.
void define_half_dot(PartialStages &s, const PartialInputs &in);
void define_half_product(PartialStages &s, const PartialInputs &in);

}  // namespace lacuna
