// An element of a tensor of any type, read and written as a float. Integers are multiples of the
// scale of their row; to write what is not finite makes the scale, and so the row, NaN.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "cli/elements.h"

namespace lacuna {

class Element {
public:
    Element(void *at, lac_type type, float *scale = nullptr)
        : at_(at), type_(type), scale_(scale) {}
    Element(const Element &) = default;
    operator float() const {
        if (type_ == LAC_F32) {
            float x = 0;
            std::memcpy(&x, at_, sizeof x);
            return x;
        }
        if (type_ == LAC_I8) return *scale_ * static_cast<float>(*static_cast<int8_t *>(at_));
        uint16_t bits = 0;
        std::memcpy(&bits, at_, sizeof bits);
        return widened(bits, type_);
    }
    const Element &operator=(float x) const {
        if (type_ == LAC_F32) {
            std::memcpy(at_, &x, sizeof x);
        } else if (type_ == LAC_I8) {
            write_unit(x);
        } else {
            const uint16_t bits = rounded(x, type_);
            std::memcpy(at_, &bits, sizeof bits);
        }
        return *this;
    }
    // A row of integers that is copied takes its scale along.
    Element &operator=(const Element &other) {
        if (&other == this) return *this;
        if (type_ == LAC_I8 && other.type_ == LAC_I8) {
            *scale_ = *other.scale_;
            *static_cast<int8_t *>(at_) = *static_cast<const int8_t *>(other.at_);
        } else {
            static_cast<const Element &>(*this) = static_cast<float>(other);
        }
        return *this;
    }

private:
    void write_unit(float x) const {
        if (!std::isfinite(x)) *scale_ = std::numeric_limits<float>::quiet_NaN();
        if (*scale_ == 0) *scale_ = 1;
        const float unit = std::isfinite(x) && std::isfinite(*scale_) ? x / *scale_ : 0;
        *static_cast<int8_t *>(at_) =
            static_cast<int8_t>(std::clamp(std::nearbyint(unit), -127.0f, 127.0f));
    }

    void *at_;
    lac_type type_;
    float *scale_;
};

}  // namespace lacuna
