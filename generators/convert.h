// convert: between f32 and the shorter element types, to nearest even as IEEE
// 754 has it. Denormals are kept, what lies past f16's range becomes an
// infinity and NaN stays NaN.
//
// Halide has these casts too, but without instructions it narrows some NaN to Inf, and
// warns at each use.
#pragma once
#include "Halide.h"

namespace lacuna {

int32_t infinity_bits(const Halide::Type &type);

// 16-bit elements are moved and written as their bits, in uint16: whatever
// handled them as floats might quiet a NaN.
class Converter {
public:
    // By instructions, else by integers: same values.
    explicit Converter(bool instructions) : instructions_(instructions) {}

    Halide::Expr widened(const Halide::Expr &x) const;  // of any element type, to f32
    Halide::Func widened(const Halide::Func &f) const;
    // Rows, (feature, row), of any type; 8-bit integers times the scale of their row.
    Halide::Func widened_rows(const Halide::Func &f, const Halide::Func &scales) const;
    // f32 to the bits of another type; f32 stays f32.
    Halide::Expr narrowed(const Halide::Expr &x, const Halide::Type &type) const;
    // The elements of f as `type` stores them: a copy where they are of this type
    // already.
    Halide::Func stored(const Halide::Func &f, const Halide::Type &type) const;

private:
    bool instructions_;
};

}  // namespace lacuna
