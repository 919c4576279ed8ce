#include "runtime/fixed8.h"

namespace lacuna {

int32_t row_scale(float octaves) {
    constexpr float kStepsPerOctave = 32, kMost = 256, kLeast = 1.0f / 128;
    constexpr int32_t kMostBefore = 10, kBits = 15, kMostShift = 29;
    float x = octaves * kStepsPerOctave;
    if (!(x < kMost)) x = kMost;  // one unit apart is past the table's end already
    int32_t before = 0, shift = 0;
    // Then 32,767 units reach the table's end.
    for (; x < kLeast && before < kMostBefore; before++) x *= 2;
    constexpr float kTop = 1 << (kBits - 1);
    for (; x < kTop && shift < kMostShift; shift++) x *= 2;
    auto multiplier = static_cast<int32_t>(x + 0.5f);
    if (multiplier >> kBits) multiplier = (1 << kBits) - 1;
    return multiplier | shift << 16 | before << 24;
}

void pack_fixed8_row(const int8_t *from, int32_t features, bool negative, int8_t *to) {
    for (int32_t d = 0; d < features; d++) {
        const int32_t turned = from[d] == -128 ? 127 : -from[d];  // 128 is no int8
        to[d] = static_cast<int8_t>(negative ? turned : from[d]);
    }
    for (int32_t d = features; d % 4; d++) to[d] = 0;
}

// -128 … 127 becomes 0 … 255: kernels read K and V as unsigned.
constexpr uint8_t kFlip = 0x80;

namespace {
// Row `key` of a head; rows past the last repeat it, as their lanes are masked. Null: no row at
// all.
const uint8_t *row_of(const HalideBuffer &source, int32_t key, int32_t keys) {
    if (keys < 1) return nullptr;
    const int32_t within = key < keys ? key : keys - 1;
    return source.host + static_cast<int64_t>(within) * source.dim[1].stride;
}
}  // namespace

// No divisions per element: a Hexagon has none, and calls a function for each.
int pack_fixed8_keys(HalideBuffer *source, HalideBuffer *, int32_t keys, HalideBuffer *,
                     HalideBuffer *packed, HalideBuffer *nonfinite, HalideBuffer *) {
    const int32_t features = source->dim[0].extent, panel_keys = packed->dim[0].extent;
    const int32_t panels = packed->dim[2].extent, padded = (features + 3) / 4 * 4;
    for (int32_t p = 0; p < panels; p++) {
        uint8_t *const panel = packed->host + static_cast<int64_t>(p) * padded * panel_keys;
        nonfinite->host[p] = 0;
        for (int32_t k = 0; k < panel_keys; k++) {
            const uint8_t *const row = row_of(*source, p * panel_keys + k, keys);
            uint8_t *to = panel + 4 * k;
            for (int32_t d = 0; d < padded; d += 4, to += 4 * panel_keys)
                for (int32_t b = 0; b < 4; b++)
                    to[b] = (row && d + b < features ? row[d + b] : uint8_t{0}) ^ kFlip;
        }
    }
    return 0;
}

int pack_fixed8_values(HalideBuffer *source, HalideBuffer *, int32_t keys, HalideBuffer *packed,
                       HalideBuffer *nonfinite, HalideBuffer *) {
    const int32_t features = source->dim[0].extent, plane = packed->dim[0].extent;
    const int32_t panel_keys = packed->dim[1].extent, panels = packed->dim[2].extent;
    for (int32_t p = 0; p < panels; p++) {
        nonfinite->host[p] = 0;
        for (int32_t i = 0; i < packed->dim[3].extent; i++) {
            uint8_t *const panel = packed->host + static_cast<int64_t>(i) * packed->dim[3].stride +
                                   static_cast<int64_t>(p) * packed->dim[2].stride;
            const int32_t first = i * plane, left = features - first;
            const int32_t used = left < plane ? left : plane;
            for (int32_t k = 0; k < panel_keys; k++) {
                const uint8_t *const row = row_of(*source, p * panel_keys + k, keys);
                uint8_t *const to = panel + k / 4 * (4 * plane) + k % 4;
                for (int32_t d = 0; d < plane; d++)
                    to[4 * d] = (row && d < used ? row[first + d] : uint8_t{0}) ^ kFlip;
            }
        }
    }
    return 0;
}

}  // namespace lacuna
