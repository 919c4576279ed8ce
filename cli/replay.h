// A whole sequence through the cache, chunk by chunk, as an app would decode it.
#pragma once
#include "cli/decoder.h"

namespace lacuna {

// Arrays in C order, of a size's shapes and types.
struct Arrays {
    void *q, *k, *v, *out;
};

// Appends and attends all tokens, `chunk` at a time. Arrays and args are those of Problem::attend.
void replay(Decoder &decoder, const ProblemSize &size, int32_t chunk, const Arrays &arrays,
            lac_args args);

}  // namespace lacuna
