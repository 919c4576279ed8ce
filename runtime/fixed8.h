// fixed8: rows of 8-bit integers into the form that its kernels read. Plain C++: whole numbers
// and, of a row's scale, single roundings in a written order, so that all targets agree.
#pragma once
#include "runtime/buffer.h"

namespace lacuna {

// Q, K and V are integers, attended as integers.
inline bool is_fixed8(lac_type query_type) { return query_type == LAC_I8; }
inline lac_type output_type(lac_type query_type) {
    return is_fixed8(query_type) ? LAC_I16 : query_type;
}

// What a distance between two scores of a row is multiplied by, in bits 0–14 a multiplier, from 16
// and 24 on two shifts: t = ((distance >> before) · multiplier) >> shift, of 32 steps an octave.
// octaves: of a unit of the score, >= 0.
int32_t row_scale(float octaves);

// A row of Q, its sign turned when `negative`, padded to fours with zeros.
void pack_fixed8_row(const int8_t *from, int32_t features, bool negative, int8_t *to);

// PackKeysFn and PackValuesFn: [d / 4][key][4] and [plane][key / 4][d][4], both plus 128.
// Scales are not packed: a KV head has one.
constexpr int32_t kFixed8Group = 4;
int pack_fixed8_keys(HalideBuffer *source, HalideBuffer *source_scales, int32_t keys,
                     HalideBuffer *inverse, HalideBuffer *packed, HalideBuffer *nonfinite,
                     HalideBuffer *scales);
int pack_fixed8_values(HalideBuffer *source, HalideBuffer *source_scales, int32_t keys,
                       HalideBuffer *packed, HalideBuffer *nonfinite, HalideBuffer *scales);

// One row into its lane: K from fixed8_key_at(key) of a panel on, a group every `stride` bytes; V
// from grouped_value_at(key) of the first plane on.
void pack_fixed8_key(const uint8_t *row, int32_t features, uint8_t *to, int32_t stride);
void pack_fixed8_value(const uint8_t *row, int32_t features, int32_t plane, ptrdiff_t plane_stride,
                       uint8_t *to);
inline ptrdiff_t fixed8_key_at(int32_t key) { return ptrdiff_t{kFixed8Group} * key; }

}  // namespace lacuna
