// pack: any stride -> the layouts that partial reads. Q comes as f32 and is scaled here, once; K
// and V come as they are stored (Converter::stored) and stay so.
#pragma once
#include "generators/stages.h"

namespace lacuna {

// packed(d, r) = source(offset(r) + d) * scale. source starts at the tile's first row; offsets
// are in elements, `extent` bounds offset + d. nonfinite(0) = 1 when any value is Inf or NaN.
PackQueriesStages pack_queries(const Halide::Func &source, const Halide::Func &offset,
                               const Halide::Expr &extent, const Halide::Expr &rows,
                               const Halide::Expr &scale, int head_dim);

// packed(ki, d, p) = source(d, p * panel_keys + ki). From `keys` on it repeats the last key: no
// keep test lets one through, and it is finite where the last one is. nonfinite(p) = 1 when
// the panel holds Inf or NaN of `type`, as which it is stored.
PackKeysStages pack_keys(const Halide::Func &source, const Halide::Type &type,
                         const Halide::Expr &keys, int head_dim, const Format &f);

// packed(di, ki, p, plane) = source(plane * f.plane + di, p * panel_keys + ki), zeros from
// value_dim on and the last key again from `keys` on.
PackValuesStages pack_values(const Halide::Func &source, const Halide::Type &type,
                             const Halide::Expr &keys, int value_dim, const Format &f);

}  // namespace lacuna
