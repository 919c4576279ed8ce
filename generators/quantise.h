// quantise: rows of K or V as integers of 8 bits, each row with a scale: x = unit · scale, scale =
// max|x| / 127. A row below 2^-100 is zeros; one that holds Inf or NaN has the scale NaN, which its
// scores or products become.
#pragma once
#include "generators/convert.h"
#include "generators/stages.h"

namespace lacuna {

constexpr float kMostUnit = 127.0f;

// rows(d, ki, p): element d of the key in lane ki of panel p, in f32.
QuantiseStages quantise(const Halide::Func &rows, int features, const Format &f);

// Rows that are integers already, with their scales: (d, ki, p) and (ki, p).
QuantiseStages quantised(const Halide::Func &units, const Halide::Func &scales);

// flags(p): does a panel hold a row that is not finite?
Halide::Func nonfinite_panels(const QuantiseStages &s, const Format &f);

}  // namespace lacuna
