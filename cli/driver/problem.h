/* The head of a driver's input, which cli/remote_driver.cpp writes, little-endian as all targets
 * are. Q, K and V follow, each at a multiple of 64 bytes and in C order. Of LAC_I8 each has its
 * scales behind it at a multiple of 4: of its rows, but of K and V beside Q of LAC_I8, which is
 * fixed8, of their heads. Then the arrays of lac_lists that the head counts: globals,
 * global_starts, starts, indices and queries, each aligned as tensors are. */
#ifndef LACUNA_DRIVER_PROBLEM_H
#define LACUNA_DRIVER_PROBLEM_H
#include <stdint.h>

#define LAC_DRIVER_MAGIC "lacuna-driver 4"
/* LAC_DRIVER_LAST: q are the last queries of caches, whose keys are appended beforehand.
 * LAC_DRIVER_ALL: all tokens are appended and attended. Both `chunk` tokens at a time. */
enum { LAC_DRIVER_CALL, LAC_DRIVER_LAST, LAC_DRIVER_ALL };
enum { LAC_DRIVER_PATTERNS = 2, LAC_DRIVER_TEXT = 4096, LAC_DRIVER_ALIGNMENT = 64 };

struct lac_driver_problem {
    char magic[sizeof LAC_DRIVER_MAGIC];
    int64_t index_count;
    int32_t type, key_type, value_type, arithmetic; /* lac_type */
    int32_t batch, heads, kv_heads, q_tokens, k_tokens, head_dim, value_dim, q_start;
    int32_t steps, chunk; /* of caches; LAC_DRIVER_CALL: none */
    int32_t threads;
    int32_t rounds;             /* 0: one call of the first pattern */
    int32_t round_microseconds; /* at least, of each pattern */
    int32_t lists;              /* 1: the first pattern reads some, which follow V */
    int32_t global_count, global_starts, list_batch, list_heads, list_rows, list_starts, queries;
    int32_t patterns;
    int32_t rival; /* 1: the last pattern is for the bundle lac_rival */
    float scale, softcap;
    char pattern[LAC_DRIVER_PATTERNS][LAC_DRIVER_TEXT];
};

#endif
