// The other roof: what this machine's memory gives right now.
#pragma once
#include <cstddef>

namespace lacuna {

// GB/s of reading a buffer of so many bytes again and again, with so many threads that each read
// their share: the best of a few passes, from the level of memory that holds so much.
double read_gbps(size_t bytes, int threads);

}  // namespace lacuna
