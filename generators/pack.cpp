#include "generators/pack.h"

#include "generators/convert.h"
#include "generators/numerics.h"
#include "generators/quantise.h"

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

// So many integers of 8 bits as one element. Masked: where each was made an unsigned byte instead,
// Halide 21 wrote 0 for negative ones in the upper half of a group, on x86-64 without SSE4.1.
Expr grouped(int count, const std::function<Expr(int)> &unit) {
    if (count == 1) return unit(0);
    const Type element = UInt(8 * count);
    Expr group = cast(element, 0);
    for (int i = 0; i < count; i++)
        group = group | (cast(element, unit(i)) & cast(element, 255)) << (8 * i);
    return group;
}

}  // namespace

PackQueriesStages pack_queries(const Func &source, const Func &offset, const Expr &extent,
                               const Expr &rows, const Expr &scale, const Func &factor,
                               int head_dim) {
    PackQueriesStages s;
    s.head_dim = head_dim;
    s.packed = Func("packed");
    s.magnitude = Func("magnitude");
    s.nonfinite = Func("nonfinite");
    Expr start = unsafe_promise_clamped(offset(s.r), 0, extent - head_dim);
    s.factor = Func("scaled_factor");
    s.factor(s.d) = factor(s.d) * scale;
    s.packed(s.d, s.r) = source(start + s.d) * s.factor(s.d);
    s.scan = RDom(0, head_dim, 0, rows, "scan");
    s.magnitude(s.d) = 0;
    s.magnitude(s.scan.x) =
        max(s.magnitude(s.scan.x), magnitude_bits(s.packed(s.scan.x, s.scan.y)));
    s.largest = Func("largest");
    s.fold = RDom(0, head_dim, "features");
    s.largest() = Int(32).min();
    s.largest() = max(s.largest(), s.magnitude(s.fold));
    s.nonfinite(s.r) = flag(s.largest());
    return s;
}

Func panel_rows(const Func &source, const Expr &keys, const Format &f) {
    Var d("d"), ki("ki"), p("p");
    Func rows("rows");
    rows(d, ki, p) = source(d, clamp(p * f.panel_keys + ki, 0, keys - 1));
    return rows;
}

namespace {

// Rows as panels: by squares where the schedule does so.
void define_panels(PackKeysStages &s, const Type &type, const Format &f, bool by_squares) {
    s.transposition.side = by_squares ? square_side(type.bits(), s.head_dim, f) : 0;
    const auto row = [&](const Expr &d, const Expr &ki) { return s.rows(d, ki, s.p); };
    s.packed(s.ki, s.d, s.p) = transpose(s.transposition, s.ki, s.d, {s.p}, row);
}

}  // namespace

PackKeysStages pack_keys(const Func &rows, const Type &type, int head_dim, const Format &f,
                         bool by_squares) {
    PackKeysStages s;
    s.head_dim = head_dim;
    s.panel_keys = f.panel_keys;
    s.rows = rows;
    s.packed = Func("packed");
    s.magnitude = Func("magnitude");
    s.nonfinite = Func("nonfinite");
    define_panels(s, type, f, by_squares);
    s.scan = RDom(0, head_dim, "scan");
    s.lanes = RDom(0, f.panel_keys, "lanes");
    s.magnitude(s.l, s.p) = no_magnitude(type);
    s.magnitude(s.l, s.p) = max(s.magnitude(s.l, s.p), magnitude(s.packed(s.l, s.scan, s.p)));
    s.largest = Func("largest");
    s.largest(s.p) = no_magnitude(type);
    s.largest(s.p) = max(s.largest(s.p), s.magnitude(s.lanes, s.p));
    s.nonfinite(s.p) = flag(s.largest(s.p), type);
    return s;
}

PackKeysStages pack_keys(const QuantiseStages &rows, int head_dim, const Format &f,
                         bool by_squares) {
    PackKeysStages s;
    const int beside = f.key_group;
    s.head_dim = feature_groups(head_dim, f);
    s.panel_keys = f.panel_keys;
    s.quantised = rows;
    s.rows = Func("groups");
    s.packed = Func("packed");
    s.rows(s.d, s.ki, s.p) = grouped(beside, [&](int i) {
        Expr d = s.d * beside + i, x = rows.units(min(d, head_dim - 1), s.ki, s.p);
        return head_dim % beside == 0 ? x : select(d < head_dim, x, cast<int8_t>(0));
    });
    define_panels(s, UInt(8 * beside), f, by_squares);
    s.nonfinite = nonfinite_panels(rows, f);
    return s;
}

namespace {

// An element of a key's row of V in the planes, where there may be more places than features.
Expr placed(const Func &rows, const PackValuesStages &s, const Expr &key) {
    Expr d = s.plane * s.format.plane + s.di;
    if (s.value_dim % s.format.plane == 0) return rows(d, key, s.p);
    Expr x = rows(min(d, s.value_dim - 1), key, s.p);
    return select(likely(d < s.value_dim), x, cast(x.type(), 0));
}

PackValuesStages planes_of(int value_dim, const Format &f) {
    PackValuesStages s;
    s.value_dim = value_dim;
    s.format = f;
    s.planes = padded_features(value_dim, f) / f.plane;
    s.packed = Func("packed");
    return s;
}

}  // namespace

PackValuesStages pack_values(const Func &rows, const Type &type, int value_dim, const Format &f) {
    PackValuesStages s = planes_of(value_dim, f);
    s.packed(s.di, s.ki, s.p, s.plane) = placed(rows, s, s.ki);
    s.magnitude = Func("magnitude");
    s.nonfinite = Func("nonfinite");
    s.scan = RDom(0, f.panel_keys, 0, s.planes, "scan");
    s.lanes = RDom(0, f.plane, "lanes");
    s.magnitude(s.l, s.p) = no_magnitude(type);
    s.magnitude(s.l, s.p) =
        max(s.magnitude(s.l, s.p), magnitude(s.packed(s.l, s.scan.x, s.p, s.scan.y)));
    s.largest = Func("largest");
    s.largest(s.p) = no_magnitude(type);
    s.largest(s.p) = max(s.largest(s.p), s.magnitude(s.lanes, s.p));
    s.nonfinite(s.p) = flag(s.largest(s.p), type);
    return s;
}

PackValuesStages pack_values(const QuantiseStages &rows, int value_dim, const Format &f) {
    PackValuesStages s = planes_of(value_dim, f);
    s.group = f.value_group;
    s.packed(s.di, s.ki, s.p, s.plane) =
        grouped(s.group, [&](int i) { return placed(rows.units, s, s.ki * s.group + i); });
    s.quantised = rows;
    s.nonfinite = nonfinite_panels(rows, f);
    return s;
}

}  // namespace lacuna
