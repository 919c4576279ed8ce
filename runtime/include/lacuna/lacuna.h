/* Lacuna: attention over the keys that a pattern keeps, compiled ahead of time.
 *
 * The call order is: find a kernel in a bundle, plan once for the pattern and the lengths, then
 * call lac_attention for every layer. Nothing here allocates, prints, aborts or keeps state: the
 * caller brings all memory, sizes come from the *_bytes calls, and every error is a status.
 *
 * Thread safety: bundles, kernels and plans are read-only once made and may be shared; a
 * workspace and a pool serve one call at a time. */
#ifndef LACUNA_H
#define LACUNA_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

#define LAC_ABI_VERSION 6
#define LAC_MAX_ATOMS 16
#define LAC_ATOM_ARGS 5
#define LAC_MAX_ARGUMENT (1 << 30) /* of an atom */
#define LAC_MAX_TOKENS (1 << 25)   /* of a sequence; a gathered panel must stay below 2^31 */
#define LAC_MAX_THREADS 256
#define LAC_MEMORY_ALIGNMENT 64 /* of plan, workspace and pool memory */

typedef enum lac_status {
    LAC_OK = 0,
    LAC_BAD_ARGUMENT, /* a null pointer, or a struct whose size field is not of this header */
    LAC_BAD_PATTERN,  /* the pattern's text or descriptor is malformed */
    LAC_BAD_SHAPE,    /* extents disagree between tensors, plan and kernel, or lie out of range */
    LAC_BAD_STRIDE,   /* a stride is no multiple of the element, or reaches past 2^31 elements */
    LAC_BAD_TYPE,     /* a tensor's element type is not the kernel's */
    LAC_BAD_LENGTH,   /* a sequence length or start lies outside its tensor or the sequence */
    LAC_BAD_SCALE, /* scale, softcap, a sink or a slope is not finite (also times log2 e), softcap <
                    * 0, a factor of the keys is not a normal number above 0, or K or V of fixed8
                    * bring other scales than the cache holds */
    LAC_BAD_ALIGNMENT, /* memory is not aligned to LAC_MEMORY_ALIGNMENT, or data to its element */
    LAC_NO_KERNEL,     /* the bundle has no kernel for these types, head sizes and pattern */
    LAC_NO_TIER,       /* LACUNA_TIER names no tier of this bundle that this CPU can run */
    LAC_PATTERN_MISMATCH, /* the kernel was compiled for another pattern */
    LAC_TOO_SMALL,        /* the memory handed in is smaller than its *_bytes call said */
    LAC_TOO_MANY_THREADS, /* threads lies outside 1…LAC_MAX_THREADS */
    LAC_THREAD_FAILED,    /* the system refused to start a thread */
    LAC_OVERLAP,          /* the output overlaps an input */
    LAC_BAD_HEADS,        /* heads(...) names other query heads than the shape has */
    LAC_NO_LISTS,         /* the pattern reads lists that the shape does not bring */
    LAC_UNCHECKED_LISTS,  /* the lists were changed or not checked for this pattern and shape */
    LAC_BAD_LISTS,        /* the extents or row starts of the lists fit no shape of theirs */
    LAC_LIST_RANGE,       /* an index is negative, or not below the length it counts */
    LAC_LIST_UNSORTED,    /* an index is smaller than the one before it */
    LAC_LIST_REPEATED,    /* an index stands twice in a row */
    LAC_LIST_FUTURE,      /* topk: a key lies ahead of its query */
    LAC_LIST_CAP,         /* topk: a row holds more than max(K, C) */
    LAC_CACHE_FULL,       /* the tokens do not fit below the cache's max_context */
    LAC_FORGOTTEN,        /* the cache has dropped keys that these queries would see */
    LAC_NOT_INCREMENTAL,  /* the pattern's earlier rows see later keys: attend all tokens at once */
    LAC_CACHE_MISMATCH,   /* caches or plan of a step were made for something else */
    LAC_FOREIGN_IMAGE,    /* no image of a cache like this one */
    LAC_BAD_IMAGE         /* the image of a cache is cut or damaged */
} lac_status;

/* One sentence for a status; never null. */
const char *lac_status_message(lac_status status);

/* Element types: IEEE binary32 and binary16, bfloat16, the upper half of a binary32, and, of K and
 * V alone, integers of 8 bits with a scale per key and KV head. Numbers are added in f32 whatever
 * they are stored as; scores of 8-bit keys are sums of integer products, Q being rounded to 15
 * bits.
 *
 * fixed8, of Q, K and V all LAC_I8, is attention in integers throughout, with the same bits on
 * every target. Its output is LAC_I16: x stands for x/128 of V's scale. Q has a scale a row; K and
 * V have one a KV head: there `scales` is of [batch, kv_heads]. No softcap, sinks or ALiBi. */
typedef enum lac_type {
    LAC_F32 = 1,
    LAC_F16 = 2,
    LAC_BF16 = 3,
    LAC_I8 = 4,
    LAC_I16 = 5 /* output of fixed8 */
} lac_type;

size_t lac_type_bytes(lac_type type); /* of an element; 0 for what is no type */

/* ---- patterns ------------------------------------------------------------------------------ */

typedef struct lac_atom {
    uint32_t kind; /* a row of patterns/atoms.h; made by lac_pattern_parse */
    int32_t arg[LAC_ATOM_ARGS];
    int32_t first_head, end_head; /* the query heads it holds for; end_head 0: all */
} lac_atom;

/* A union of atoms, intersected with k <= q unless bidi. */
typedef struct lac_pattern {
    uint32_t size; /* sizeof(lac_pattern) */
    uint32_t bidi;
    uint32_t atom_count;
    lac_atom atom[LAC_MAX_ATOMS];
} lac_pattern;

/* Where and why a pattern's text is malformed: at `column` (from 0) `found` was read where
 * `expected` was needed; `nearest` is a likely spelling or null. `expected` and `nearest` are
 * literals; `found` is a zero-terminated copy, cut to fit. */
typedef struct lac_pattern_error {
    int32_t column;
    const char *expected;
    const char *nearest;
    char found[32];
} lac_pattern_error;

/* Reads "window:256+every:64", "bidi/local:32,32" or "heads(0-5=window:256|6-7=dense)". error may
 * be null. */
lac_status lac_pattern_parse(const char *text, lac_pattern *pattern, lac_pattern_error *error);

/* Writes the canonical text ("window:256+every:64") or, for names, the slug
 * ("window_256_every_64"), zero-terminated. Returns the length without the zero; when that is
 * >= capacity, nothing useful was written. */
size_t lac_pattern_text(const lac_pattern *pattern, char *text, size_t capacity);
size_t lac_pattern_slug(const lac_pattern *pattern, char *text, size_t capacity);

/* ---- kernels ------------------------------------------------------------------------------- */

typedef struct lac_bundle lac_bundle;   /* what a generated header declares */
typedef struct lac_variant lac_variant; /* one kernel set, compiled for one tier */
typedef struct lac_cache lac_cache;     /* lacuna/cache.h */

typedef struct lac_request {
    uint32_t size; /* sizeof(lac_request) */
    lac_type type; /* of Q and the output; 0: LAC_F32 */
    int32_t head_dim;
    int32_t value_dim;             /* 0: head_dim */
    const lac_pattern *pattern;    /* prefer a kernel compiled for it; null: one for any pattern */
    lac_type key_type, value_type; /* of K and V; 0: as `type` */
    lac_type arithmetic;           /* LAC_F16: as made by --arithmetic f16; 0: f32, else that */
} lac_request;

/* A kernel resolved for this CPU. */
typedef struct lac_kernel {
    uint32_t size; /* filled by lac_kernel_find */
    const lac_bundle *bundle;
    const lac_variant *variant;
    const char *name;
} lac_kernel;

/* Chooses the kernel and the best tier this CPU can run; the environment variable LACUNA_TIER
 * (say "avx2") pins a tier. Errors: LAC_BAD_PATTERN, LAC_NO_KERNEL,
 * LAC_NO_TIER. */
lac_status lac_kernel_find(const lac_bundle *bundle, const lac_request *request,
                           lac_kernel *kernel);
/* "lac_attention_f32_d64", "lac_attention_f32_kvf16_d64": docs/types.md */
const char *lac_kernel_name(const lac_kernel *kernel);
const char *lac_kernel_tier(const lac_kernel *kernel); /* "avx2" */
int32_t lac_bundle_kernel_count(const lac_bundle *bundle);
const char *lac_bundle_kernel_name(const lac_bundle *bundle, int32_t index);

/* ---- plan ---------------------------------------------------------------------------------- */

/* What the run-time atoms of a pattern read. All arrays stay the caller's, and stay as they are
 * while a plan made with them is in use.
 *
 * global:list reads `globals`: positions, ascending, the same for all heads. global_starts, or
 * null, gives each sequence its own: those from global_starts[b] to global_starts[b + 1].
 *
 * mask:csr, mask:blocks, mask:pairs and topk read rows of indices: row r of list (b, h) is
 * indices[starts[i]] … indices[starts[i + 1] - 1] with i = (b * heads + h) * rows + r, ascending.
 * batch is 1 (all sequences share) or the shape's; heads is 1, or the KV heads, or the query heads.
 *   mask:csr        a row of key positions per query of the tensor
 *   mask:blocks,B   a row of key blocks per block row: of positions r*B … r*B + B - 1
 *   mask:pairs      one row, of (queries[i], indices[i]) ascending; queries count as in the tensor
 *   topk            a row per `tile` queries of the tensor: keys, or blocks of keys */
typedef struct lac_lists {
    uint32_t size;        /* sizeof(lac_lists) */
    int32_t global_count; /* entries of globals */
    const int32_t *globals;
    const int32_t *global_starts;
    int32_t batch, heads, rows;
    int32_t reserved;      /* 0 */
    int64_t index_count;   /* entries of indices, and of queries */
    const int64_t *starts; /* batch * heads * rows + 1 */
    const int32_t *indices;
    const int32_t *queries; /* mask:pairs */
    uint64_t checked;       /* set by lac_lists_check */
} lac_lists;

/* Lengths of a batch. Arrays have `batch` entries; a null array means the same value for all:
 * q_tokens queries, k_tokens keys, and queries that are the last positions. */
typedef struct lac_shape {
    uint32_t size;                  /* sizeof(lac_shape) */
    int32_t batch, heads, kv_heads; /* heads is a multiple of kv_heads */
    int32_t q_tokens, k_tokens;     /* the tensors' extents */
    const int32_t *q_lengths;       /* queries of each sequence, <= q_tokens */
    const int32_t *k_lengths;       /* keys of each sequence, <= k_tokens */
    const int32_t *q_starts;        /* position of each sequence's first query */
    const lac_lists *lists;         /* for run-time atoms; else null */
    /* [batch, q_tokens] or null: the queries, the last positions and at most 64, are drafted tokens
     * of a tree. Query i of a sequence sees the key of query j only when bit j of its entry is set;
     * earlier keys it sees as the pattern says. The array stays while a plan is in use. */
    const uint64_t *tree;
    /* 1: no query runs in dense order (lac_plan_crossover). That is faster for calls of few
     * queries, such as a step, where lists leave much out of a short sequence; slower for a prompt.
     * A row's last bits hang on it, so a sequence keeps to one. 0: as measured. */
    int32_t no_dense_order;
} lac_shape;

/* Where a list is wrong: an entry of a row, or of `globals` (row -1). */
typedef struct lac_list_error {
    int32_t sequence, head, row;
    int64_t entry; /* in the row */
    int64_t value;
} lac_list_error;

/* Checks the lists that `pattern` reads, once, in O(entries); plans take no others. shape->lists is
 * not looked at. error may be null. Errors: LAC_BAD_LISTS, LAC_LIST_RANGE, LAC_LIST_UNSORTED,
 * LAC_LIST_REPEATED, LAC_LIST_FUTURE, LAC_LIST_CAP, and those of a bad pattern or shape. */
lac_status lac_lists_check(const lac_pattern *pattern, const lac_shape *shape, lac_lists *lists,
                           lac_list_error *error);

/* 1 when the query of query head `head` at position q may see key k in a sequence of the shape,
 * else 0: the definition itself. Reads shape->lists as they are, checked or not. */
int lac_pattern_attends(const lac_pattern *pattern, const lac_shape *shape, int32_t sequence,
                        int32_t head, int32_t q, int32_t k);

typedef struct lac_plan lac_plan;

/* The work list for a pattern and a batch's lengths: no tensor data enters it, so one plan serves
 * every layer and head. O(panels) time, stored as runs. */
lac_status lac_plan_bytes(const lac_kernel *kernel, const lac_pattern *pattern,
                          const lac_shape *shape, size_t *bytes);
lac_status lac_plan_init(const lac_kernel *kernel, const lac_pattern *pattern,
                         const lac_shape *shape, void *memory, size_t bytes, const lac_plan **out);
/* (query, key) pairs that the plan attends, over all sequences and query heads, and those that its
 * panels compute. */
int64_t lac_plan_attended_pairs(const lac_plan *plan);
int64_t lac_plan_computed_pairs(const lac_plan *plan);
/* Patterns with residue classes (dilated, strided) and with rows of single keys (mask:csr, topk)
 * run in dense order, with the same mask, for queries before this position (bidi: in sequences of
 * at most so many tokens): there it is faster. 0 for other patterns. */
int32_t lac_plan_crossover(const lac_plan *plan);

/* ---- attention ----------------------------------------------------------------------------- */

/* [batch, heads, tokens, features] in any order and spacing: strides are in bytes, features are
 * contiguous. A fused QKV or a [tokens, heads, features] array is a view like any other. */
typedef struct lac_tensor {
    uint32_t size; /* sizeof(lac_tensor) */
    lac_type type;
    void *data;
    int32_t batch, heads, tokens, features;
    int64_t batch_stride, head_stride, token_stride;
    /* LAC_I8: a row is its integers, -127 … 127, times its scale, of [batch, heads, tokens].
     * Strides are in scales; 0: those of C order. Not read for other types. */
    const float *scales;
    int64_t scale_batch_stride, scale_head_stride;
} lac_tensor;

/* Runs work(argument, i) for every i in 0…count-1, in any order, on any threads, and returns when
 * all are done. */
typedef void (*lac_work)(void *argument, int32_t index);
typedef void (*lac_parallel_for)(void *context, int32_t count, lac_work work, void *argument);

typedef struct lac_args {
    uint32_t size;      /* sizeof(lac_args) */
    float scale;        /* of the scores; 0: 1/sqrt(head_dim) */
    float softcap;      /* scores become softcap·tanh(score/softcap) before the mask; 0: off */
    float *log_sum_exp; /* [batch, heads, q_tokens] or null: natural log, -inf for an empty row */
    int32_t threads;    /* 0 or 1: the calling thread alone */
    lac_parallel_for parallel_for; /* needed when threads > 1; lac_pool_run is one */
    void *parallel_context;
    /* [heads] or null: learned sinks, a logit more in each row's denominator, with no value and
     * neither scaled nor capped. log_sum_exp counts it. */
    const float *sink_logits;
    /* [heads] or null: ALiBi (Press, Smith and Lewis, 2022). slope · |q - k|, of positions, is
     * taken from a score after softcap. lac_alibi_slopes gives the usual ones. */
    const float *alibi_slopes;
} lac_args;

/* The slopes of the ALiBi paper: 2^(-8/n), 2^(-16/n), … for n heads, a power of two; else those of
 * the power of two below, then every other one of twice as many. LAC_BAD_SHAPE: heads < 1. */
lac_status lac_alibi_slopes(int32_t heads, float *slopes);

/* Bytes of workspace for calls with this plan and so many threads: the packed K and V of the
 * heads in flight, and at most 1 MiB a thread. 0 when an argument is bad. */
size_t lac_workspace_bytes(const lac_plan *plan, int32_t threads);

/* out[b,h,i,:] = sum over kept keys of softmax(scale·q·k)·v; a row that keeps no key is zeros.
 * Shapes: q [batch, heads, q_tokens, D], k [batch, kv_heads, k_tokens, D], v [… , Dv], out
 * [batch, heads, q_tokens, Dv]; query head h uses KV head h / (heads / kv_heads). Rows past a
 * sequence's length are neither read nor written. out may not overlap an input; inputs may overlap
 * each other. The same bits for any thread count. args may be null: defaults, one thread. */
lac_status lac_attention(const lac_kernel *kernel, const lac_plan *plan, const lac_tensor *q,
                         const lac_tensor *k, const lac_tensor *v, const lac_tensor *out,
                         const lac_args *args, void *workspace, size_t workspace_bytes);

/* ---- threads, for apps without a pool of their own ------------------------------------------ */

typedef struct lac_pool lac_pool;
size_t lac_pool_bytes(int32_t threads);
/* Starts threads - 1 workers; the caller of lac_pool_run is the last. */
lac_status lac_pool_create(int32_t threads, void *memory, size_t bytes, lac_pool **out);
void lac_pool_destroy(lac_pool *pool);
/* A lac_parallel_for whose context is the pool. */
void lac_pool_run(void *context, int32_t count, lac_work work, void *argument);

#ifdef __cplusplus
}
#endif
#endif
