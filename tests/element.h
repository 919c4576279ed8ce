// An element of a tensor of any type, read and written as a float.
#pragma once
#include <cstring>

#include "cli/elements.h"

namespace lacuna {

class Element {
public:
    Element(void *at, lac_type type) : at_(at), type_(type) {}
    Element(const Element &) = default;
    operator float() const {
        if (type_ == LAC_F32) {
            float x = 0;
            std::memcpy(&x, at_, sizeof x);
            return x;
        }
        uint16_t bits = 0;
        std::memcpy(&bits, at_, sizeof bits);
        return widened(bits, type_);
    }
    const Element &operator=(float x) const {
        const uint16_t bits = type_ == LAC_F32 ? 0 : rounded(x, type_);
        if (type_ == LAC_F32)
            std::memcpy(at_, &x, sizeof x);
        else
            std::memcpy(at_, &bits, sizeof bits);
        return *this;
    }
    Element &operator=(const Element &other) {
        if (&other != this) static_cast<const Element &>(*this) = static_cast<float>(other);
        return *this;
    }

private:
    void *at_;
    lac_type type_;
};

}  // namespace lacuna
