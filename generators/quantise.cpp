#include "generators/quantise.h"

#include <numeric>

#include "generators/numerics.h"

namespace lacuna {

using namespace Halide;

QuantiseStages quantise(const Func &rows, int features, const Format &f) {
    constexpr int32_t kTinyBits = (127 - 100) << 23;
    QuantiseStages s;
    s.width = std::gcd(features, f.lanes);
    s.lane_largest = Func("lane_largest");
    s.scales = Func("scales");
    s.units = Func("units");
    s.scan = RDom(0, features / s.width, "scan");
    s.lane_largest(s.l, s.ki, s.p) = 0;
    s.lane_largest(s.l, s.ki, s.p) = max(s.lane_largest(s.l, s.ki, s.p),
                                         magnitude_bits(rows(s.scan * s.width + s.l, s.ki, s.p)));
    RDom lanes(0, s.width, "lanes");
    Func largest("largest");
    largest(s.ki, s.p) = maximum(lanes, s.lane_largest(lanes, s.ki, s.p), "row_largest");
    Expr bits = largest(s.ki, s.p);
    Expr scale = select_bits(bits < kTinyBits, 0, reinterpret<float>(bits) * (1.0f / kMostUnit));
    s.scales(s.ki, s.p) = select_bits(bits >= kInfinityBits, kQuietNanBits, scale);

    Expr kept = s.scales(s.ki, s.p);
    Expr none = is_nonfinite(kept) || is_zero(kept);
    Expr inverse = select_bits(none, 0, 1.0f / kept);
    Expr x = select_bits(none, 0, rows(s.d, s.ki, s.p)) * inverse;
    s.units(s.d, s.ki, s.p) = cast<int8_t>(clamp(round(x), -kMostUnit, kMostUnit));
    return s;
}

QuantiseStages quantised(const Func &units, const Func &scales) {
    QuantiseStages s;
    s.scales = Func("scales");
    s.scales(s.ki, s.p) = scales(s.ki, s.p);
    s.units = units;
    return s;
}

Func nonfinite_panels(const QuantiseStages &s, const Format &f) {
    RDom keys(0, f.panel_keys, "keys");
    Func any("any");
    any(s.p) = cast<uint8_t>(0);
    any(s.p) = max(any(s.p), cast<uint8_t>(is_nonfinite(s.scales(keys, s.p))));
    return any;
}

}  // namespace lacuna
