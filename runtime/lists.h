// The caller's lists: what was checked, and what a sequence is to an atom.
#pragma once
#include "patterns/pattern.h"

namespace lacuna {

// Stands for the lists, and for what of pattern and shape they were checked against. Contents of
// arrays do not enter: that they stay as they were is the caller's promise.
uint64_t seal_of(const lac_pattern &pattern, const lac_shape &shape, const lac_lists &lists);

// Sequence b of a shape whose sizes are valid.
Sequence sequence_of(const lac_shape &shape, const lac_lists *lists, int32_t b);

inline int32_t length_of(const int32_t *lengths, int32_t i, int32_t otherwise) {
    return lengths ? lengths[i] : otherwise;
}
inline int32_t keys_in(const lac_shape &s, int32_t b) {
    return length_of(s.k_lengths, b, s.k_tokens);
}
inline int32_t queries_in(const lac_shape &s, int32_t b) {
    return length_of(s.q_lengths, b, s.q_tokens);
}

}  // namespace lacuna
