// The text of one atom.
#pragma once
#include <string>

#include "runtime/include/lacuna/lacuna.h"

namespace lacuna {

inline std::string text_of(const lac_atom &atom) {
    lac_pattern p{};
    p.size = sizeof p;
    p.atom_count = 1;
    p.atom[0] = atom;
    char text[256];
    lac_pattern_text(&p, text, sizeof text);
    return text;
}

}  // namespace lacuna
