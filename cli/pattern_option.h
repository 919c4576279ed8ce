// Patterns on the command line.
#pragma once
#include <string>

#include "runtime/include/lacuna/lacuna.h"

namespace lacuna {

// A malformed pattern is a usage Failure with a caret under the column that is wrong.
lac_pattern parse_pattern_option(const std::string &text, const std::string &option = "--pattern");

// A usage Failure: fixed8 takes lists of blocks alone.
void refuse_single_keys_of_fixed8(const lac_pattern &pattern);

std::string canonical(const lac_pattern &pattern);  // "window:256+every:64"
std::string slug(const lac_pattern &pattern);       // "window_256_every_64"

}  // namespace lacuna
