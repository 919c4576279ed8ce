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
    auto multiplier = static_cast<int32_t>(x * 2 + 1) >> 1;
    if (multiplier >> kBits) multiplier = (1 << kBits) - 1;
    return multiplier | shift << 16 | before << 24;
}

void pack_fixed8_row(const int8_t *from, int32_t features, bool negative, int8_t *to) {
    for (int32_t d = 0; d < features; d++) {
        const int32_t turned = from[d] == -128 ? 127 : -from[d];  // 128 is no int8
        to[d] = static_cast<int8_t>(negative ? turned : from[d]);
    }
    for (int32_t d = features; d % kFixed8Group; d++) to[d] = 0;
}

namespace {

// -128 … 127 becomes 0 … 255: kernels read K and V as unsigned.
constexpr uint8_t kFlip = 0x80;
constexpr uint32_t kFlipFour = 0x80808080;

// Row of a panel's key; past the last key, that one's. Of a class without keys, token 0's: any will
// do, masked as it is.
const uint8_t *row_of(const HalideBuffer &source, int32_t key, int32_t keys) {
    int64_t row = key < keys ? key : keys - 1;
    if (keys == 0) row = 0;
    return source.host + row * source.dim[1].stride;
}

// Features of four keys, a word each: the keys side by side, the first lowest, as all targets store
// a word.
void pack_four(const uint8_t *const *rows, int32_t first, int32_t features, uint8_t *to) {
    for (int32_t d = first; d < first + features; d++, to += sizeof(uint32_t)) {
        const uint32_t low = rows[0][d] | static_cast<uint32_t>(rows[1][d]) << 8;
        const uint32_t high = rows[2][d] | static_cast<uint32_t>(rows[3][d]) << 8;
        const uint32_t word = (low | high << 16) ^ kFlipFour;
        __builtin_memcpy(to, &word, sizeof word);
    }
}

}  // namespace

void pack_fixed8_key(const uint8_t *row, int32_t features, uint8_t *to, int32_t stride) {
    int32_t d = 0;
    for (; d + kFixed8Group <= features; d += kFixed8Group, to += stride) {
        uint32_t word = 0;
        __builtin_memcpy(&word, row + d, sizeof word);
        word ^= kFlipFour;
        __builtin_memcpy(to, &word, sizeof word);
    }
    if (d == features) return;
    for (int32_t i = 0; i < kFixed8Group; i++)
        to[i] = d + i < features ? row[d + i] ^ kFlip : kFlip;
}

void pack_fixed8_value(const uint8_t *row, int32_t features, int32_t plane, ptrdiff_t plane_stride,
                       uint8_t *to) {
    for (int32_t at = 0; at < features; at += plane, to += plane_stride) {
        const int32_t used = features - at < plane ? features - at : plane;
        for (int32_t x = 0; x < used; x++) to[ptrdiff_t{kFixed8Group} * x] = row[at + x] ^ kFlip;
        for (int32_t x = used; x < plane; x++) to[ptrdiff_t{kFixed8Group} * x] = kFlip;
    }
}

int pack_fixed8_keys(HalideBuffer *source, HalideBuffer *, int32_t keys, HalideBuffer *,
                     HalideBuffer *packed, HalideBuffer *nonfinite, HalideBuffer *) {
    const int32_t features = source->dim[0].extent, panel_keys = packed->dim[0].extent;
    const int32_t panels = packed->dim[2].extent,
                  groups = (features + kFixed8Group - 1) / kFixed8Group;
    uint8_t *panel = packed->host;
    for (int32_t p = 0; p < panels; p++, panel += int64_t{kFixed8Group} * groups * panel_keys) {
        nonfinite->host[p] = 0;
        for (int32_t k = 0; k < panel_keys; k++)
            pack_fixed8_key(row_of(*source, p * panel_keys + k, keys), features,
                            panel + fixed8_key_at(k), kFixed8Group * panel_keys);
    }
    return 0;
}

int pack_fixed8_values(HalideBuffer *source, HalideBuffer *, int32_t keys, HalideBuffer *packed,
                       HalideBuffer *nonfinite, HalideBuffer *) {
    const int32_t features = source->dim[0].extent, plane = packed->dim[0].extent;
    const int32_t panel_keys = packed->dim[1].extent, panels = packed->dim[2].extent;
    const int32_t planes = packed->dim[3].extent;
    for (int32_t p = 0; p < panels; p++) {
        nonfinite->host[p] = 0;
        uint8_t *const panel = packed->host + int64_t{p} * packed->dim[2].stride;
        for (int32_t k = 0; k < panel_keys; k += kFixed8Group) {
            const uint8_t *rows[kFixed8Group];
            for (int32_t i = 0; i < kFixed8Group; i++)
                rows[i] = row_of(*source, p * panel_keys + k + i, keys);
            for (int32_t at = 0, n = 0; n < planes; n++, at += plane) {
                uint8_t *const to = panel + int64_t{n} * packed->dim[3].stride +
                                    grouped_value_at(k, kFixed8Group, plane);
                const int32_t used = features - at < plane ? features - at : plane;
                pack_four(rows, at, used, to);
                for (int32_t i = kFixed8Group * used; i < kFixed8Group * plane; i++) to[i] = kFlip;
            }
        }
    }
    return 0;
}

}  // namespace lacuna
