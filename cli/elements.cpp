#include "cli/elements.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace lacuna {

namespace {

// The fields of a 16-bit format.
struct Layout {
    int mantissa, least_exponent;  // bits; of a normal number
    uint16_t infinity;
};
Layout layout_of(lac_type type) {
    if (type == LAC_F16) return {10, -14, 0x7c00};
    return {7, -126, 0x7f80};
}

}  // namespace

// Scaled so that the last bit counts 1; nearbyint() then rounds to even.
uint16_t rounded(float x, lac_type type) {
    const Layout f = layout_of(type);
    const uint16_t sign = std::signbit(x) ? 0x8000 : 0;
    if (std::isnan(x)) return sign | f.infinity | 1u << (f.mantissa - 1);
    if (std::isinf(x)) return sign | f.infinity;
    const double magnitude = std::abs(static_cast<double>(x));
    const int exponent = magnitude > 0 ? std::ilogb(magnitude) : f.least_exponent;
    const int least = std::max(exponent, f.least_exponent);
    const double units = std::nearbyint(std::ldexp(magnitude, f.mantissa - least));
    // A carry into the exponent is the next exponent's zero, or infinity.
    const int bits = static_cast<int>(units) + ((least - f.least_exponent) << f.mantissa);
    return sign | static_cast<uint16_t>(std::min<int>(bits, f.infinity));
}

float widened(uint16_t bits, lac_type type) {
    const Layout f = layout_of(type);
    const int magnitude = bits & 0x7fff, exponent = magnitude >> f.mantissa;
    const double sign = bits & 0x8000 ? -1 : 1;
    if (magnitude > f.infinity) return std::numeric_limits<float>::quiet_NaN();
    if (magnitude == f.infinity) return static_cast<float>(sign * HUGE_VAL);
    const int units = exponent ? magnitude - ((exponent - 1) << f.mantissa) : magnitude;
    const int scale = std::max(exponent, 1) - 1 + f.least_exponent - f.mantissa;
    return static_cast<float>(sign * std::ldexp(units, scale));
}

Stored stored(const std::vector<float> &numbers, lac_type type) {
    Stored elements(numbers.size() * lac_type_bytes(type));
    for (size_t i = 0; i < numbers.size(); i++) {
        if (type == LAC_F32) {
            std::memcpy(&elements[4 * i], &numbers[i], 4);
            continue;
        }
        const uint16_t bits = rounded(numbers[i], type);
        std::memcpy(&elements[2 * i], &bits, 2);
    }
    return elements;
}

std::vector<float> numbers(const Stored &elements, lac_type type) {
    std::vector<float> all(elements.size() / lac_type_bytes(type));
    for (size_t i = 0; i < all.size(); i++) {
        if (type == LAC_F32) {
            std::memcpy(&all[i], &elements[4 * i], 4);
            continue;
        }
        uint16_t bits = 0;
        std::memcpy(&bits, &elements[2 * i], 2);
        all[i] = widened(bits, type);
    }
    return all;
}

std::vector<float> as_stored(const std::vector<float> &x, lac_type type) {
    return type == LAC_F32 ? x : numbers(stored(x, type), type);
}

}  // namespace lacuna
