/* Rotary position embedding (Su et al., 2021; ONNX RotaryEmbedding), for Q before a call or a step
 * and for K before it is attended or appended. Angles come from the caller's tables: any theta,
 * partial rotation, YaRN and other scalings are tables like any other. */
#ifndef LACUNA_ROPE_H
#define LACUNA_ROPE_H
#include "lacuna/lacuna.h"
#ifdef __cplusplus
extern "C" {
#endif

typedef struct lac_rope {
    uint32_t size;        /* sizeof(lac_rope) */
    int32_t rotary_dim;   /* features that turn, the first ones: even; 0: all */
    int32_t interleaved;  /* feature 2i turns with 2i + 1; 0: feature i with i + rotary_dim / 2 */
    int32_t positions;    /* rows of the tables */
    const float *cosines; /* [positions, rotary_dim / 2] */
    const float *sines;
} lac_rope;

/* out = x, each pair (a, b) of a row turned into (a·cos - b·sin, a·sin + b·cos). Tensors of the
 * same extents and type, LAC_F32, LAC_F16 or LAC_BF16; sums are f32. out may be x itself, else not
 * overlap it. positions: [batch, tokens] of x, or null: 0, 1, 2 …. Errors: LAC_BAD_SHAPE
 * (rotary_dim), LAC_BAD_LENGTH (a position outside the tables) and those of a tensor; then nothing
 * was written. */
lac_status lac_rope_apply(const lac_rope *rope, const lac_tensor *x, const int32_t *positions,
                          const lac_tensor *out);

#ifdef __cplusplus
}
#endif
#endif
