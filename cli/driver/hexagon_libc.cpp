// What a bundle for Hexagon asks of a device's libc, of the SDK and of compiler-rt, for bare
// programs under qemu-hexagon.
#include <stddef.h>
#include <stdint.h>

extern "C" {

void *memset(void *to, int c, size_t n) {
    auto *p = static_cast<uint8_t *>(to);
    const uint64_t word = static_cast<uint8_t>(c) * 0x0101010101010101ull;
    while (n && reinterpret_cast<size_t>(p) & 7) *p++ = static_cast<uint8_t>(c), n--;
    for (; n >= 8; n -= 8, p += 8) *reinterpret_cast<volatile uint64_t *>(p) = word;
    while (n--) *const_cast<volatile uint8_t *>(p++) = static_cast<uint8_t>(c);
    return to;
}
void *memcpy(void *to, const void *from, size_t n) {
    auto *p = static_cast<volatile uint8_t *>(to);
    const auto *x = static_cast<const uint8_t *>(from);
    if (!((reinterpret_cast<size_t>(to) | reinterpret_cast<size_t>(from)) & 7))
        for (; n >= 8; n -= 8, p += 8, x += 8)
            *reinterpret_cast<volatile uint64_t *>(p) = *reinterpret_cast<const uint64_t *>(x);
    while (n--) *p++ = *x++;
    return to;
}
// NOLINTBEGIN(bugprone-reserved-identifier): as compilers call them
void *__hexagon_memcpy_likely_aligned_min32bytes_mult8bytes(void *to, const void *from, size_t n) {
    return memcpy(to, from, n);
}

// ---- the SDK: no other program shares the vectors, and no kernel here asks for VTCM or the heap
int qurt_hvx_lock(int) { return 0; }
int qurt_hvx_unlock() { return 0; }
void *HAP_request_VTCM(unsigned, unsigned) { return nullptr; }
int HAP_release_VTCM(void *) { return 0; }
void *malloc(size_t) { return nullptr; }
void free(void *) {}
char *getenv(const char *) { return nullptr; }
int sched_yield() { return 0; }

// ---- compiler-rt
uint64_t __hexagon_udivdi3(uint64_t a, uint64_t b) {
    if (a < b) return 0;
    uint64_t q = 0;
    for (int i = __builtin_clzll(b) - __builtin_clzll(a); i >= 0; i--)
        if (a >> i >= b) a -= b << i, q |= 1ull << i;
    return q;
}
uint64_t __hexagon_umoddi3(uint64_t a, uint64_t b) { return a - __hexagon_udivdi3(a, b) * b; }
int64_t __hexagon_divdi3(int64_t a, int64_t b) {
    const uint64_t q = __hexagon_udivdi3(static_cast<uint64_t>(a < 0 ? -a : a),
                                         static_cast<uint64_t>(b < 0 ? -b : b));
    return static_cast<int64_t>((a ^ b) < 0 ? 0 - q : q);
}
int64_t __hexagon_moddi3(int64_t a, int64_t b) { return a - __hexagon_divdi3(a, b) * b; }
uint32_t __hexagon_udivsi3(uint32_t a, uint32_t b) {
    if (a < b) return 0;
    uint32_t q = 0;
    for (int i = __builtin_clz(b) - __builtin_clz(a); i >= 0; i--)
        if (a >> i >= b) a -= b << i, q |= 1u << i;
    return q;
}
uint32_t __hexagon_umodsi3(uint32_t a, uint32_t b) { return a - __hexagon_udivsi3(a, b) * b; }
int32_t __hexagon_divsi3(int32_t a, int32_t b) {
    return static_cast<int32_t>(__hexagon_divdi3(a, b));
}
int32_t __hexagon_modsi3(int32_t a, int32_t b) { return a - __hexagon_divsi3(a, b) * b; }

// To nearest even; operands and results are normal numbers here.
double __hexagon_muldf3(double a, double b) {
    uint64_t x = 0, y = 0;
    __builtin_memcpy(&x, &a, 8);
    __builtin_memcpy(&y, &b, 8);
    constexpr uint64_t kMantissa = (1ull << 52) - 1, kOne = 1ull << 52;
    const uint64_t sign = (x ^ y) & 1ull << 63;
    int64_t exponent = static_cast<int64_t>((x >> 52 & 2047) + (y >> 52 & 2047)) - 1023;
    if ((x << 1) == 0 || (y << 1) == 0) exponent = -1;
    const uint64_t m = (x & kMantissa) | kOne, n = (y & kMantissa) | kOne;
    // 106 bits of product as high · 2^64 + low.
    const uint64_t a0 = m & 0xffffffff, a1 = m >> 32, b0 = n & 0xffffffff, b1 = n >> 32;
    const uint64_t mid = a1 * b0 + (a0 * b0 >> 32), mid2 = a0 * b1 + (mid & 0xffffffff);
    uint64_t high = a1 * b1 + (mid >> 32) + (mid2 >> 32);
    uint64_t low = mid2 << 32 | (a0 * b0 & 0xffffffff);
    int shift = 52;
    if (high >> 41) shift = 53, exponent++;
    uint64_t result = high << (64 - shift) | low >> shift;
    const uint64_t rest = low & ((1ull << shift) - 1), half = 1ull << (shift - 1);
    if (rest > half || (rest == half && (result & 1))) result++;
    if (result >> 53) result >>= 1, exponent++;
    uint64_t bits = sign;
    if (exponent > 0) bits |= static_cast<uint64_t>(exponent) << 52 | (result & kMantissa);
    double product = 0;
    __builtin_memcpy(&product, &bits, 8);
    return product;
}
// To nearest, of a normal number above 0.
float __hexagon_sqrtf(float a) {
    uint32_t x = 0;
    __builtin_memcpy(&x, &a, 4);
    int32_t exponent = static_cast<int32_t>(x >> 23) - 127;
    uint64_t m = (x & 0x7fffff) | 0x800000;  // 1.23
    if (exponent & 1) m <<= 1, exponent--;
    m <<= 25;  // the root has 1.24: one bit to round by
    uint64_t root = 0;
    for (int bit = 25; bit >= 0; bit--)
        if ((root | 1ull << bit) * (root | 1ull << bit) <= m) root |= 1ull << bit;
    auto bits = static_cast<uint32_t>((root + 1) >> 1);  // a root is never halfway
    bits = (static_cast<uint32_t>(exponent / 2 + 127) << 23) + (bits - 0x800000);
    float result = 0;
    __builtin_memcpy(&result, &bits, 4);
    return result;
}

// NOLINTEND(bugprone-reserved-identifier)
}  // extern "C"
