#include "generators/pack.h"

#include "generators/convert.h"
#include "generators/numerics.h"

namespace lacuna {

using namespace Halide;

namespace {

Expr flag(const Expr &largest, const Type &type = Float(32)) {
    return cast<uint8_t>(largest >= infinity_bits(type));
}
// Of an element as it is stored.
Expr magnitude(const Expr &x) {
    return x.type() == UInt(16) ? x & cast<uint16_t>(0x7fff) : magnitude_bits(x);
}
Expr no_magnitude(const Type &type) { return cast(type == Float(32) ? Int(32) : UInt(16), 0); }

}  // namespace

PackQueriesStages pack_queries(const Func &source, const Func &offset, const Expr &extent,
                               const Expr &rows, const Expr &scale, int head_dim) {
    PackQueriesStages s;
    s.head_dim = head_dim;
    s.packed = Func("packed");
    s.magnitude = Func("magnitude");
    s.nonfinite = Func("nonfinite");
    Expr start = unsafe_promise_clamped(offset(s.r), 0, extent - head_dim);
    s.packed(s.d, s.r) = source(start + s.d) * scale;
    s.scan = RDom(0, head_dim, 0, rows, "scan");
    s.magnitude(s.d) = 0;
    s.magnitude(s.scan.x) =
        max(s.magnitude(s.scan.x), magnitude_bits(s.packed(s.scan.x, s.scan.y)));
    RDom features(0, head_dim, "features");
    s.nonfinite(s.r) = flag(maximum(features, s.magnitude(features), "largest"));
    return s;
}

PackKeysStages pack_keys(const Func &source, const Type &type, const Expr &keys, int head_dim,
                         const Format &f) {
    PackKeysStages s;
    s.head_dim = head_dim;
    s.panel_keys = f.panel_keys;
    s.packed = Func("packed");
    s.magnitude = Func("magnitude");
    s.nonfinite = Func("nonfinite");
    Expr key = s.p * f.panel_keys + s.ki;
    s.rows = Func("rows");
    s.rows(s.d, s.ki, s.p) = source(s.d, clamp(key, 0, keys - 1));
    s.packed(s.ki, s.d, s.p) = s.rows(s.d, s.ki, s.p);
    s.scan = RDom(0, head_dim, "scan");
    s.lanes = RDom(0, f.panel_keys, "lanes");
    s.magnitude(s.l, s.p) = no_magnitude(type);
    s.magnitude(s.l, s.p) = max(s.magnitude(s.l, s.p), magnitude(s.packed(s.l, s.scan, s.p)));
    Func largest("largest");
    largest(s.p) = no_magnitude(type);
    largest(s.p) = max(largest(s.p), s.magnitude(s.lanes, s.p));
    s.nonfinite(s.p) = flag(largest(s.p), type);
    return s;
}

PackValuesStages pack_values(const Func &source, const Type &type, const Expr &keys, int value_dim,
                             const Format &f) {
    PackValuesStages s;
    s.value_dim = value_dim;
    s.format = f;
    s.planes = padded_features(value_dim, f) / f.plane;
    s.packed = Func("packed");
    s.magnitude = Func("magnitude");
    s.nonfinite = Func("nonfinite");
    Expr key = s.p * f.panel_keys + s.ki;
    Expr feature = s.plane * f.plane + s.di;
    Expr from = clamp(key, 0, keys - 1);
    s.packed(s.di, s.ki, s.p, s.plane) =
        value_dim % f.plane == 0
            ? source(feature, from)
            : select(likely(feature < value_dim), source(min(feature, value_dim - 1), from),
                     cast(source.type(), 0));
    s.scan = RDom(0, f.panel_keys, 0, s.planes, "scan");
    s.lanes = RDom(0, f.plane, "lanes");
    s.magnitude(s.l, s.p) = no_magnitude(type);
    s.magnitude(s.l, s.p) =
        max(s.magnitude(s.l, s.p), magnitude(s.packed(s.l, s.scan.x, s.p, s.scan.y)));
    Func largest("largest");
    largest(s.p) = no_magnitude(type);
    largest(s.p) = max(largest(s.p), s.magnitude(s.lanes, s.p));
    s.nonfinite(s.p) = flag(largest(s.p), type);
    return s;
}

}  // namespace lacuna
