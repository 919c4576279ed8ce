// pack: any stride -> the layouts that partial reads. Q comes as f32 and is scaled here, once; K
// and V come as they are stored (Converter::stored) and stay so.
#pragma once
#include "generators/stages.h"

namespace lacuna {

// packed(d, r) = source(offset(r) + d) * scale * factor(d). source starts at the tile's first row;
// offsets are in elements, `extent` bounds offset + d. nonfinite(0) = 1 when any value is Inf or
// NaN.
PackQueriesStages pack_queries(const Halide::Func &source, const Halide::Func &offset,
                               const Halide::Expr &extent, const Halide::Expr &rows,
                               const Halide::Expr &scale, const Halide::Func &factor, int head_dim);

// rows(d, ki, p) = source(d, p * panel_keys + ki). From `keys` on it repeats the last key: no keep
// test lets one through, and it is finite where the last one is.
Halide::Func panel_rows(const Halide::Func &source, const Halide::Expr &keys, const Format &f);

// packed(ki, d, p) = rows(d, ki, p), by squares where asked for. nonfinite(p) = 1 when the panel
// holds Inf or NaN of `type`, as which it is stored.
PackKeysStages pack_keys(const Halide::Func &rows, const Halide::Type &type, int head_dim,
                         const Format &f, bool by_squares);
// packed(ki, i, p): a group of features of a key, the first in the lowest byte, 0 past the last.
PackKeysStages pack_keys(const QuantiseStages &rows, int head_dim, const Format &f,
                         bool by_squares);

// packed(di, ki, p, plane) = rows(plane * f.plane + di, ki, p), zeros from value_dim on.
PackValuesStages pack_values(const Halide::Func &rows, const Halide::Type &type, int value_dim,
                             const Format &f);
PackValuesStages pack_values(const QuantiseStages &rows, int value_dim, const Format &f);

}  // namespace lacuna
