// Rows turned by their positions.
#pragma once
#include "runtime/include/lacuna/rope.h"

namespace lacuna {

// Are these tables for rows of so many features?
lac_status validate_rope(const lac_rope &rope, int32_t features);

// A row of LAC_F32, LAC_F16 or LAC_BF16; `to` may be `from`.
void turn_row(const lac_rope &rope, lac_type type, int32_t features, int64_t position,
              const uint8_t *from, uint8_t *to);

}  // namespace lacuna
