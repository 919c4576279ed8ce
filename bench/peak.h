// The roofline's roof: what this machine's multiply-add units do right now.
#pragma once
#include <string>

namespace lacuna {

// GFLOP/s of f32 multiply-adds in registers, at the tier's vector width and with so many threads
// at once: the best of a few samples of about 3 ms. 0 for a tier without a probe.
double fma_peak_gflops(const std::string &tier, int threads);

}  // namespace lacuna
