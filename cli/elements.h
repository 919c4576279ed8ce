// Numbers as tensors of an element type hold them. Written from the formats' definition, with
// nothing of the kernels in it: tests compare the two.
#pragma once
#include <cstdint>
#include <vector>

#include "runtime/include/lacuna/lacuna.h"

namespace lacuna {

// One 16-bit element, LAC_F16 or LAC_BF16: to nearest even, past the range to infinity.
uint16_t rounded(float x, lac_type type);
float widened(uint16_t bits, lac_type type);

// An array, in memory aligned to its element.
using Stored = std::vector<uint8_t>;
Stored stored(const std::vector<float> &numbers, lac_type type);
std::vector<float> numbers(const Stored &elements, lac_type type);
// What becomes of numbers that are stored and read again.
std::vector<float> as_stored(const std::vector<float> &x, lac_type type);

}  // namespace lacuna
