/* Routers: from scores to the lists that the atom topk reads.
 *
 * topk:K,cap=C,tile=T,block=B keeps what a router chose at run time. lac_topk_select chooses from
 * the candidates of any router; lac_route is a router that comes with the kernels. Both write
 * lists that are checked and sealed, ready for lac_plan_init, into the caller's memory, which the
 * lists use as long as they live. */
#ifndef LACUNA_ROUTER_H
#define LACUNA_ROUTER_H
#include "lacuna/lacuna.h"
#ifdef __cplusplus
extern "C" {
#endif

/* What a router offers: row r of (sequence, head) has the entries starts[i] … starts[i + 1] - 1
 * with i = (b * heads + h) * rows + r, in any order. Row r serves the queries r*T … r*T + T - 1 of
 * the tensor, so that rows = ceil(q_tokens / T). An index is a key position or, with block=B, a
 * block of B keys. batch is 1 (all sequences share) or the shape's; heads is 1, or the KV heads,
 * or the query heads. */
typedef struct lac_candidates {
    uint32_t size; /* sizeof(lac_candidates) */
    int32_t batch, heads, rows;
    const int64_t *starts;
    const int32_t *indices;
    const float *scores;
} lac_candidates;

/* Bytes for the chosen lists and for choosing them. Reads the row starts alone. */
lac_status lac_topk_bytes(const lac_pattern *pattern, const lac_shape *shape,
                          const lac_candidates *candidates, size_t *bytes);

/* Keeps all entries of a row that has at most C of them, else the K best by score: ties go to the
 * lower index, and NaN is below -inf. With block=B both count blocks, max(1, K / B) and at least
 * as many, C / B. O(entries + rows * k_tokens / 4096). Rows of queries that a sequence does not
 * have are not read, and empty in the lists.
 *
 * Every entry is checked, chosen or not: LAC_LIST_RANGE (negative, or not below the sequence's
 * keys or blocks), LAC_LIST_REPEATED, and LAC_LIST_FUTURE unless the pattern is bidi: the key, or
 * the block's first key, lies ahead of the row's last query. LAC_BAD_LISTS: the extents are not
 * the shape's, or row starts go down. *error, which may be null, says where; a row start counts as
 * entry 0. LAC_BAD_PATTERN: no topk in it.
 *
 * *lists is overwritten. A pattern that reads `globals` as well needs them filled in, and
 * lac_lists_check. */
lac_status lac_topk_select(const lac_pattern *pattern, const lac_shape *shape,
                           const lac_candidates *candidates, void *memory, size_t bytes,
                           lac_lists *lists, lac_list_error *error);

/* ---- a router that comes with the kernels --------------------------------------------------- */

typedef enum lac_route_method {
    LAC_ROUTE_MINMAX = 0, /* a bound on the scores of the block's keys (Quest, Tang et al. 2024) */
    LAC_ROUTE_MEAN = 1    /* the score of the block's mean key */
} lac_route_method;

typedef struct lac_route_args {
    uint32_t size;                 /* sizeof(lac_route_args) */
    int32_t method;                /* a lac_route_method */
    int32_t threads;               /* 0 or 1: the calling thread alone */
    lac_parallel_for parallel_for; /* needed when threads > 1 */
    void *parallel_context;
} lac_route_args;

/* Bytes for lac_route: the lists, the summaries of all KV heads, and scratch per thread. args may
 * be null: the defaults, one thread. */
lac_status lac_route_bytes(const lac_kernel *kernel, const lac_pattern *pattern,
                           const lac_shape *shape, const lac_route_args *args, size_t *bytes);

/* For a pattern with topk:K,…,block=B. Each block of B keys becomes the minimum and the maximum, or
 * the mean, of every feature. A block's score for a row of T queries is the largest over these and
 * the query heads of the KV head: of sum over d of max(q·min, q·max), or of q·mean. Blocks ahead of
 * the row's last query are no candidates; the block that this query stands in is always chosen. The
 * others are chosen by score as lac_topk_select does: K counts keys. q and k are lac_attention's.
 * A score that NaN enters may come out as anything; the lists are valid all the same.
 *
 * *lists gets heads = kv_heads and rows = ceil(q_tokens / T), sealed. The same lists for any
 * thread count. Errors: LAC_BAD_PATTERN when it has no topk with block=B, and those of
 * lac_attention. */
lac_status lac_route(const lac_kernel *kernel, const lac_pattern *pattern, const lac_shape *shape,
                     const lac_route_args *args, const lac_tensor *q, const lac_tensor *k,
                     void *memory, size_t bytes, lac_lists *lists);

#ifdef __cplusplus
}
#endif
#endif
