/* The head of a driver's input, which cli/remote.cpp writes, little-endian as all targets are. Q, K
 * and V follow, each at a multiple of 64 bytes and in C order. Of LAC_I8, which stands for fixed8,
 * each has its scales behind it at a multiple of 4: Q's of its rows, K's and V's of their heads. */
#ifndef LACUNA_DRIVER_PROBLEM_H
#define LACUNA_DRIVER_PROBLEM_H
#include <stdint.h>

#define LAC_DRIVER_MAGIC "lacuna-driver 2"
enum { LAC_DRIVER_PATTERNS = 2, LAC_DRIVER_TEXT = 4096, LAC_DRIVER_ALIGNMENT = 64 };

struct lac_driver_problem {
    char magic[sizeof LAC_DRIVER_MAGIC];
    int32_t type; /* LAC_F32 or LAC_I8 */
    int32_t batch, heads, kv_heads, q_tokens, k_tokens, head_dim, value_dim, q_start;
    int32_t threads;
    int32_t rounds;             /* 0: one call of the first pattern */
    int32_t round_microseconds; /* at least, of each pattern */
    int32_t patterns;
    float scale, softcap;
    char pattern[LAC_DRIVER_PATTERNS][LAC_DRIVER_TEXT];
};

#endif
