/* The KV cache: the keys and values of one sequence, in one layer, that a pattern can still see.
 *
 * Keys and values are packed as they are appended, once, into the form that kernels read; a ring
 * forgets what no later query of the pattern sees. A step attends the last queries of one cache or
 * of many, and gives the bits that lac_attention gives for the whole sequence.
 *
 * fixed8: a KV head of a sequence has one scale for K and one for V. The first tokens of an empty
 * cache, new or trimmed to 0, set them; those that follow bring the same (LAC_BAD_SCALE), so that
 * an app that decodes keeps to scales it knows beforehand. Steps take them from the cache.
 *
 * Thread safety: a cache has one writer (append, trim, load), and no reader meanwhile; attending,
 * forking and saving only read, so that layers may share a cache. */
#ifndef LACUNA_CACHE_H
#define LACUNA_CACHE_H
#include "lacuna/lacuna.h"
#include "lacuna/rope.h"
#ifdef __cplusplus
extern "C" {
#endif

typedef struct lac_cache_options {
    uint32_t size;           /* sizeof(lac_cache_options) */
    int32_t heads, kv_heads; /* heads is a multiple of kv_heads */
    int32_t max_context;     /* tokens that the sequence may reach */
    int32_t max_append;      /* tokens of one append, and queries of one step; 0: 1 */
    int32_t max_rollback;    /* tokens that trim can always take back */
    /* [kv_heads, D] or null, of LAC_I8 keys (fixed8's not: LAC_BAD_TYPE): what their features are
     * divided by before they are rounded, and Q's are multiplied by; read by lac_cache_init alone.
     * Channels that are larger than others spoil an 8-bit row, unless their factors are. */
    const float *key_factors;
    /* Or null: turns K as it is appended and Q as it is attended, a token by its place in the
     * sequence, to the bits of lac_rope_apply. max_context rows of tables, which must outlive the
     * cache. K of LAC_I8 (LAC_BAD_TYPE) and steps with a tree, whose tokens turn by their depth
     * (LAC_BAD_ARGUMENT), are for lac_rope_apply. */
    const lac_rope *rope;
    int32_t no_dense_order; /* as of lac_shape; 1: keys of mask:csr and topk lie in rows alone */
} lac_cache_options;

/* Bytes of a cache, a pure function of the arguments. pattern may be null for a kernel compiled for
 * one. Errors: those of lac_plan_bytes. */
lac_status lac_cache_bytes(const lac_kernel *kernel, const lac_pattern *pattern,
                           const lac_cache_options *options, size_t *bytes);

/* An empty cache in the caller's memory, aligned to LAC_MEMORY_ALIGNMENT. The memory may hold
 * anything, and is touched only as tokens come. The kernel's bundle must stay; nothing is to be
 * released. */
lac_status lac_cache_init(const lac_kernel *kernel, const lac_pattern *pattern,
                          const lac_cache_options *options, void *memory, size_t bytes,
                          lac_cache **out);

/* Appends the tokens of k [1, kv_heads, n, D] and v [1, kv_heads, n, Dv], 1 <= n <= max_append.
 * Errors: LAC_CACHE_FULL (past max_context), LAC_BAD_LENGTH (n), LAC_BAD_SCALE (fixed8: other
 * scales than the cache's, a bit of difference counts), and those of a tensor; then the cache is as
 * it was. */
lac_status lac_cache_append(lac_cache *cache, const lac_tensor *k, const lac_tensor *v);

/* Takes back all tokens from `tokens` on. A ring has dropped keys for good: LAC_FORGOTTEN when
 * queries from there on would miss some; lac_cache_state has the furthest length. */
lac_status lac_cache_trim(lac_cache *cache, int32_t tokens);

/* What a cache holds. Slots have room for a key and its value, of every KV head. */
typedef struct lac_cache_state {
    uint32_t size; /* sizeof(lac_cache_state), set by the caller */
    int32_t tokens;
    int32_t shortest;     /* length that lac_cache_trim can go back to */
    int32_t kept;         /* keys that a query to come can see */
    int32_t slots;        /* at max_context, by need: what patterns, appends and roll-backs ask */
    int32_t padded_slots; /* in memory: whole panels */
} lac_cache_state;
/* O(tokens), for kept. */
lac_status lac_cache_read_state(const lac_cache *cache, lac_cache_state *state);

/* K and V rows of a cache whose pattern lists single keys (mask:csr, mask:pairs, topk), as
 * lac_route takes them: [1, kv_heads, tokens, D]. LAC_NO_LISTS for other patterns, whose keys are
 * packed; LAC_BAD_TYPE for LAC_I8, of which no router is made. */
lac_status lac_cache_rows(const lac_cache *cache, lac_tensor *k, lac_tensor *v);

/* ---- a step --------------------------------------------------------------------------------- */

/* The caches of a batch: one kernel, pattern and number of heads, any lengths. */
typedef struct lac_step {
    uint32_t size; /* sizeof(lac_step) */
    int32_t count;
    const lac_cache *const *caches;
    const int32_t *q_lengths; /* queries of each, its last tokens; null: all of q's */
    const lac_lists *lists;   /* for run-time atoms, checked for lac_step_shape; else null */
    const lac_plan *plan;     /* made for lac_step_shape, to serve all layers; null: planned here */
    const uint64_t *tree;     /* of drafted tokens, as in lac_shape; null: none */
} lac_step;

/* The shape that a step plans for: k_tokens is the longest cache's. Its arrays are the step's, and
 * k_lengths, of room for step->count. */
lac_status lac_step_shape(const lac_step *step, int32_t q_tokens, int32_t *k_lengths,
                          lac_shape *shape);

/* Workspace of steps of up to `count` caches made with these arguments, at any length, with up to
 * q_tokens queries each and so many threads. Counts a plan at every length that may differ from
 * others: milliseconds for decode, a second for long chunks. LAC_NO_LISTS: the size would hang on
 * the lists; make a plan. */
lac_status lac_step_bytes(const lac_kernel *kernel, const lac_pattern *pattern,
                          const lac_cache_options *options, int32_t count, int32_t q_tokens,
                          int32_t threads, size_t *bytes);
/* Workspace of a step that brings its plan; 0 when an argument is bad. */
size_t lac_step_plan_bytes(const lac_plan *plan, int32_t threads);

/* Attention of q [count, heads, q_tokens, D] into out [count, heads, q_tokens, Dv], the queries
 * being the caches' last tokens; args as for lac_attention. Rows past q_lengths are left alone.
 * Errors: LAC_FORGOTTEN (a query would see a key that a ring has dropped: more queries than
 * max_append, or after a trim), LAC_NOT_INCREMENTAL (a pattern whose earlier rows see later keys
 * takes all tokens as queries), LAC_CACHE_MISMATCH (caches that differ, or a plan made for other
 * lengths), LAC_BAD_LENGTH (an empty cache, or more queries than tokens), LAC_OVERLAP. */
lac_status lac_step_attend(const lac_step *step, const lac_tensor *q, const lac_tensor *out,
                           const lac_args *args, void *workspace, size_t bytes);

/* ---- copies --------------------------------------------------------------------------------- */

/* A copy that goes its own way, in memory of as many bytes as the cache has. */
lac_status lac_cache_fork(const lac_cache *cache, void *memory, size_t bytes, lac_cache **out);

/* The image of what the cache holds: as many bytes as lac_cache_image_bytes says, for the same
 * kernel, pattern, options and format on any machine of the same byte order. */
size_t lac_cache_image_bytes(const lac_cache *cache);
lac_status lac_cache_save(const lac_cache *cache, void *image, size_t bytes);

/* Puts an image in place of what the cache holds. Errors: LAC_FOREIGN_IMAGE (no image, of another
 * version, or of a cache made with other arguments), LAC_BAD_IMAGE (cut or damaged); then the
 * cache is as it was. */
lac_status lac_cache_load(lac_cache *cache, const void *image, size_t bytes);

#ifdef __cplusplus
}
#endif
#endif
