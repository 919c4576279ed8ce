// The number domains an atom's attends() is evaluated in. One definition, four uses:
//   int64_t       the oracle and the tests
//   Span, Maybe   the plan: a whole tile against a whole panel at once (never / always / maybe)
//   Lanes, Bits   the plan: one row against the 32 keys of a panel, as a mask word
//   Halide::Expr  the compiled keep test (generators/keep.h)
#pragma once
#include <stdint.h>

namespace lacuna {

template <class T>
constexpr T smaller(T a, T b) {
    return b < a ? b : a;
}
template <class T>
constexpr T larger(T a, T b) {
    return a < b ? b : a;
}
constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
constexpr int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

inline bool divides(int64_t step, int64_t x) { return x % step == 0; }
inline int64_t block_of(int64_t x, int64_t block) { return floor_div(x, block); }

// Three-valued truth about all (row, key) pairs of a tile and a panel.
struct Maybe {
    bool can_hold, can_fail;
    static constexpr Maybe of(bool can_hold, bool can_fail) { return {can_hold, can_fail}; }
    constexpr bool always() const { return !can_fail; }
    constexpr bool never() const { return !can_hold; }
};
constexpr Maybe operator&&(Maybe a, Maybe b) {
    return {a.can_hold && b.can_hold, a.can_fail || b.can_fail};
}
constexpr Maybe operator||(Maybe a, Maybe b) {
    return {a.can_hold || b.can_hold, a.can_fail && b.can_fail};
}
constexpr Maybe operator!(Maybe a) { return {a.can_fail, a.can_hold}; }

// The arithmetic progression lo, lo + step, …, hi (step 0: one value). Rows of a dilated tile and
// the keys of a gathered panel are such progressions, so that divides() is decided exactly.
struct Span {
    int64_t lo, hi, step;
    static constexpr Span one(int64_t x) { return {x, x, 0}; }
    constexpr bool single() const { return lo == hi; }
    constexpr int64_t stride() const { return single() ? 0 : step; }
};
constexpr int64_t gcd(int64_t a, int64_t b) { return b == 0 ? a : gcd(b, a % b); }
constexpr Span operator-(Span a, Span b) {
    return {a.lo - b.hi, a.hi - b.lo, gcd(a.stride(), b.stride())};
}
constexpr Maybe operator<(Span a, int64_t b) { return {a.lo < b, a.hi >= b}; }
constexpr Maybe operator<=(Span a, Span b) { return {a.lo <= b.hi, a.hi > b.lo}; }
constexpr Maybe operator<(Span a, Span b) { return {a.lo < b.hi, a.hi >= b.lo}; }
constexpr Maybe operator==(Span a, Span b) {
    return {a.lo <= b.hi && b.lo <= a.hi, !(a.single() && b.single() && a.lo == b.lo)};
}
constexpr Maybe divides(int64_t step, Span x) {
    if (x.stride() % step == 0) {
        const bool holds = x.lo % step == 0;
        return {holds, !holds};
    }
    return {x.lo % gcd(x.step, step) == 0, true};
}
constexpr Span block_of(Span x, int64_t block) {
    const int64_t lo = floor_div(x.lo, block), hi = floor_div(x.hi, block);
    return {lo, hi, lo == hi ? 0 : 1};
}

// Up to 32 keys of a panel side by side; compilers turn the loops into vector code.
constexpr int kLanes = 32;
struct Bits {
    uint8_t lane[kLanes];  // 0 or 1
    uint32_t word() const {
        uint32_t w = 0;
        for (int i = 0; i < kLanes; i += 8) {
            uint64_t eight = 0;  // every target is little-endian: lane i is the lowest byte
            __builtin_memcpy(&eight, lane + i, sizeof eight);
            // The product gathers their bits in the top byte.
            w |= static_cast<uint32_t>((eight * 0x0102040810204080) >> 56) << i;
        }
        return w;
    }
};
struct Lanes {
    int32_t lane[kLanes];
    // A panel of far apart keys may reach past every position: there it stays at the largest
    // lane, which no sequence contains, rather than wrap around to a key that might attend.
    static Lanes from(int64_t first, int64_t step) {
        Lanes x;
        for (int i = 0; i < kLanes; i++)
            x.lane[i] = static_cast<int32_t>(smaller<int64_t>(first + i * step, INT32_MAX));
        return x;
    }
    static Lanes one(int64_t value) {
        Lanes x;
        for (int32_t &lane : x.lane) lane = static_cast<int32_t>(value);
        return x;
    }
};
template <class Out, class A, class B, class F>
Out each_lane(const A &a, const B &b, F f) {
    Out r;
    for (int i = 0; i < kLanes; i++) r.lane[i] = f(a.lane[i], b.lane[i]);
    return r;
}
inline Lanes operator-(const Lanes &a, const Lanes &b) {
    return each_lane<Lanes>(a, b, [](int32_t x, int32_t y) { return x - y; });
}
inline Bits operator<(const Lanes &a, const Lanes &b) {
    return each_lane<Bits>(a, b, [](int32_t x, int32_t y) -> uint8_t { return x < y; });
}
inline Bits operator<(const Lanes &a, int64_t b) { return a < Lanes::one(b); }
inline Bits operator<=(const Lanes &a, const Lanes &b) {
    return each_lane<Bits>(a, b, [](int32_t x, int32_t y) -> uint8_t { return x <= y; });
}
inline Bits operator==(const Lanes &a, const Lanes &b) {
    return each_lane<Bits>(a, b, [](int32_t x, int32_t y) -> uint8_t { return x == y; });
}
inline Bits operator&&(const Bits &a, const Bits &b) {
    return each_lane<Bits>(a, b, [](uint8_t x, uint8_t y) -> uint8_t { return x & y; });
}
inline Bits operator||(const Bits &a, const Bits &b) {
    return each_lane<Bits>(a, b, [](uint8_t x, uint8_t y) -> uint8_t { return x | y; });
}
inline Bits operator!(const Bits &a) {
    return each_lane<Bits>(a, a, [](uint8_t x, uint8_t) -> uint8_t { return x ^ 1; });
}
// Without division: an odd step's multiples are what its inverse mod 2^32 maps to 0…max/step
// (Granlund and Montgomery 1994); an even step's twos are rotated out, where they must be zero.
struct Divisor {
    uint32_t twos = 0, inverse, most;
    explicit Divisor(int64_t step) {
        const auto divisor = static_cast<uint32_t>(step);
        most = UINT32_MAX / divisor;
        while (((divisor >> twos) & 1) == 0) twos++;
        const uint32_t odd = divisor >> twos;
        inverse = odd;  // right in 3 bits; each round doubles them
        for (int i = 0; i < 4; i++) inverse *= 2 - odd * inverse;
    }
};
inline Bits divides(int64_t step, const Lanes &x) {
    const Divisor d(step);
    return each_lane<Bits>(x, x, [=](int32_t v, int32_t) -> uint8_t {
        const uint32_t size = v < 0 ? 0 - static_cast<uint32_t>(v) : static_cast<uint32_t>(v);
        const uint32_t y = size * d.inverse;
        return ((y >> d.twos) | (y << ((32 - d.twos) & 31))) <= d.most;
    });
}
// Positions are below 2^31, so that the rounded up reciprocal is exact (the same paper).
inline Lanes block_of(const Lanes &x, int64_t block) {
    int shift = 31;
    while (int64_t{1} << (shift - 31) < block) shift++;
    const auto reciprocal = static_cast<uint64_t>(ceil_div(int64_t{1} << shift, block));
    return each_lane<Lanes>(x, x, [=](int32_t v, int32_t) {
        return static_cast<int32_t>(static_cast<uint64_t>(v) * reciprocal >> shift);
    });
}

}  // namespace lacuna
