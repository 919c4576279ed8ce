/* The problem a driver was given, and the call that attends it. */
#ifndef LACUNA_DRIVER_CALL_H
#define LACUNA_DRIVER_CALL_H
#include <lacuna/cache.h>

#include "driver.h"
#include "problem.h"

typedef struct {
    lac_kernel kernel;
    const lac_plan *plan;
    int64_t check_nanoseconds; /* of its lists; 0: none */
    lac_step step;             /* over caches; none: one call over all */
    size_t cache_bytes;
    lac_cache **caches;
    lac_cache_state state; /* of each cache that was filled beforehand */
    float *sums;           /* log-sum-exp of one step of many */
    void *workspace;
    size_t workspace_bytes;
} call;

typedef struct {
    const struct lac_driver_problem *head;
    const char *at; /* what follows of the input, and how much */
    size_t left;
    lac_tensor q, k, v, out;
    size_t out_bytes, log_sum_exp_bytes;
    lac_args args;
    int32_t *starts;
    lac_lists lists; /* of the first pattern; size 0: none */
} problem;

/* End the program with what went wrong. */
void fail(const char *what, const char *why);
void check(const char *what, lac_status status);
void *memory_of(size_t bytes);

/* Caches of all sequences, and the workspace of their steps; for LAC_DRIVER_LAST filled as decoding
 * does. */
void make_caches(const problem *p, const lac_pattern *pattern, call *c);
/* Appends and attends all tokens, problem.h's `chunk` at a time. Once: the caches are full then. */
void replay(const problem *p, const call *c);

#endif
