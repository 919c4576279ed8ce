// A whole sequence through the cache, chunk by chunk, as an app would decode it.
#pragma once
#include "cli/decoder.h"
#include "cli/tensors.h"

namespace lacuna {

// Appends and attends all tokens, `chunk` at a time. out and log_sum_exp (may be null) are laid out
// as by Problem::attend; of args, scale and softcap.
void replay(Decoder &decoder, Tensors &tensors, int32_t chunk, lac_args args, float *out,
            float *log_sum_exp);

}  // namespace lacuna
