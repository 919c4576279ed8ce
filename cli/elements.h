// Numbers as tensors of an element type hold them. Written from the formats' definition, with
// nothing of the kernels in it: tests compare the two.
#pragma once
#include <cstdint>
#include <vector>

#include "cli/aligned.h"
#include "runtime/include/lacuna/lacuna.h"

namespace lacuna {

// One 16-bit element, LAC_F16 or LAC_BF16: to nearest even, past the range to infinity.
uint16_t rounded(float x, lac_type type);
float widened(uint16_t bits, lac_type type);

// An array. Where it does not begin with a line of the cache, every vector of 64 bytes lies in two:
// topk:256 of single queries took 1.3 times as long with AVX-512.
using Stored = AlignedVector<uint8_t>;
Stored stored(const std::vector<float> &numbers, lac_type type);
std::vector<float> numbers(const Stored &elements, lac_type type);
// What becomes of numbers that are stored and read again.
std::vector<float> as_stored(const std::vector<float> &x, lac_type type);

// A row of so many features, with its scale.
inline size_t row_bytes(lac_type type, int32_t features) {
    return static_cast<size_t>(features) * lac_type_bytes(type) +
           (type == LAC_I8 ? sizeof(float) : 0);
}

// A row of numbers as LAC_I8: x = unit · scale, with scale = max|x| / 127. Zeros below 2^-100; the
// scale NaN where one is not finite.
struct IntegerRow {
    std::vector<int8_t> units;
    float scale;
};
IntegerRow quantised(const float *x, size_t count);

// Rows of `features` numbers, of any type. LAC_I8: all units, then, aligned, the scales of all
// rows. fixed8's K and V have a scale a KV head: all of its keys are a row there.
Stored stored_rows(const std::vector<float> &numbers, lac_type type, size_t features);
std::vector<float> as_stored_rows(const std::vector<float> &x, lac_type type, size_t features);
// What rows of Q are worth against LAC_I8 keys: x · scale is rounded to units of 2^-13 of the power
// of two below the row's largest. scale: of scores, times log2(e).
std::vector<float> as_queried(std::vector<float> rows, size_t features, double scale);
// What fixed8's outputs stand for: of so many elements a scale of V.
std::vector<float> fixed8_numbers(const Stored &out, const float *scales, size_t elements);
// Where stored rows of so many elements in all have their scales; null for other types.
const float *scales_of(lac_type type, const void *rows, int64_t elements);

}  // namespace lacuna
