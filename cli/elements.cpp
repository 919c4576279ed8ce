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

IntegerRow quantised(const float *x, size_t count) {
    constexpr float kMost = 127.0f;
    IntegerRow row{std::vector<int8_t>(count), 0};
    float largest = 0;
    for (size_t d = 0; d < count; d++) {
        if (!std::isfinite(x[d])) {
            row.scale = std::numeric_limits<float>::quiet_NaN();
            return row;
        }
        largest = std::max(largest, std::abs(x[d]));
    }
    if (largest < 0x1p-100f) return row;
    row.scale = largest * (1.0f / kMost);
    const float inverse = 1.0f / row.scale;
    for (size_t d = 0; d < count; d++)
        row.units[d] =
            static_cast<int8_t>(std::clamp(std::nearbyint(x[d] * inverse), -kMost, kMost));
    return row;
}

namespace {
size_t scales_at(int64_t elements) { return (static_cast<size_t>(elements) + 3) / 4 * 4; }
}  // namespace

const float *scales_of(lac_type type, const void *rows, int64_t elements) {
    if (type != LAC_I8) return nullptr;
    return reinterpret_cast<const float *>(static_cast<const uint8_t *>(rows) +
                                           scales_at(elements));
}

Stored stored_rows(const std::vector<float> &numbers, lac_type type, size_t features) {
    if (type != LAC_I8) return stored(numbers, type);
    const size_t at = scales_at(static_cast<int64_t>(numbers.size()));
    Stored elements(at + numbers.size() / features * sizeof(float));
    for (size_t i = 0; i < numbers.size(); i += features) {
        const IntegerRow row = quantised(&numbers[i], features);
        std::memcpy(&elements[i], row.units.data(), features);
        std::memcpy(&elements[at + i / features * sizeof(float)], &row.scale, sizeof row.scale);
    }
    return elements;
}

std::vector<float> fixed8_numbers(const Stored &out, const float *scales, size_t elements) {
    std::vector<float> all(out.size() / sizeof(int16_t));
    for (size_t i = 0; i < all.size(); i++) {
        int16_t units = 0;
        std::memcpy(&units, &out[sizeof units * i], sizeof units);
        all[i] = static_cast<float>(units) * (scales[i / elements] / 128.0f);
    }
    return all;
}

std::vector<float> as_queried(std::vector<float> rows, size_t features, double scale) {
    const auto by = static_cast<float>(static_cast<float>(scale) * 1.4426950408889634);
    for (size_t i = 0; i < rows.size(); i += features) {
        float largest = 0;
        for (size_t d = 0; d < features; d++)
            largest = std::max(largest, std::abs(rows[i + d] * by));
        if (largest < 0x1p-113f || !std::isfinite(largest)) continue;
        const double unit = std::ldexp(1.0, std::ilogb(largest) - 13);
        for (size_t d = 0; d < features; d++)
            rows[i + d] = static_cast<float>(std::nearbyint(rows[i + d] * by / unit) * unit / by);
    }
    return rows;
}

std::vector<float> as_stored_rows(const std::vector<float> &x, lac_type type, size_t features) {
    if (type != LAC_I8) return as_stored(x, type);
    std::vector<float> all(x.size());
    for (size_t i = 0; i < x.size(); i += features) {
        const IntegerRow row = quantised(&x[i], features);
        for (size_t d = 0; d < features; d++)
            all[i + d] = row.scale * static_cast<float>(row.units[d]);
    }
    return all;
}

}  // namespace lacuna
