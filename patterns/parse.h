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

// Shared by reading and writing: the same kind, parameters and heads; is it among the first
// `count` atoms; the same whichever heads it is for; does a name hold its own colon ("mask:csr").
bool same_atom(const lac_atom &a, const lac_atom &b);
bool listed_before(const lac_pattern &p, uint32_t count, const lac_atom &atom);
bool same_reading(lac_atom a, lac_atom b);
bool has_colon(const char *name);

}  // namespace lacuna
