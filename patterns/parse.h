// What the runtime needs to know about a pattern that a caller hands in.
#pragma once
#include "runtime/include/lacuna/lacuna.h"

namespace lacuna {

// Is this a descriptor that lac_pattern_parse can make? Hand-made ones are welcome, but kinds,
// counts and parameters must be in range, unused parameters 0 and no atom listed twice, so that
// equal patterns are equal fields.
bool well_formed(const lac_pattern &pattern);

// The same atoms in the same order.
bool same_pattern(const lac_pattern &a, const lac_pattern &b);

}  // namespace lacuna
