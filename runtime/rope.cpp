#include "runtime/rope.h"

#include "runtime/convert.h"
#include "runtime/tensor.h"
#include "runtime/validate.h"

namespace lacuna {

namespace {

struct F32 {
    using Word = float;
    static float read(float x) { return x; }
    static float write(float x) { return x; }
};
struct F16 {
    using Word = uint16_t;
    static float read(uint16_t x) { return f16_to_f32(x); }
    static uint16_t write(float x) { return f32_to_f16(x); }
};
struct Bf16 {
    using Word = uint16_t;
    static float read(uint16_t x) { return bf16_to_f32(x); }
    static uint16_t write(float x) { return f32_to_bf16(x); }
};

// A row's pairs, `apart` features from each other and `step` from the next pair.
struct Turn {
    const float *cosines, *sines;
    int32_t pairs, apart, step, features;
};

template <class Type>
void turn(const Turn &t, const uint8_t *from, uint8_t *to) {
    using Word = typename Type::Word;
    const auto *x = reinterpret_cast<const Word *>(from);
    auto *out = reinterpret_cast<Word *>(to);
    for (int32_t i = 0; i < t.pairs; i++) {
        const int32_t at = i * t.step;
        const float a = Type::read(x[at]), b = Type::read(x[at + t.apart]);
        out[at] = Type::write(a * t.cosines[i] - b * t.sines[i]);
        out[at + t.apart] = Type::write(a * t.sines[i] + b * t.cosines[i]);
    }
    for (int32_t d = 2 * t.pairs; d < t.features; d++) out[d] = x[d];
}

lac_status check_tensors(const lac_tensor *x, const lac_tensor *out) {
    if (!x || !out) return LAC_BAD_ARGUMENT;
    if (x->type != LAC_F32 && x->type != LAC_F16 && x->type != LAC_BF16) return LAC_BAD_TYPE;
    if (const lac_status s = validate_rows(*x, x->type, *x); s != LAC_OK) return s;
    if (const lac_status s = validate_rows(*out, x->type, *x); s != LAC_OK) return s;
    const bool in_place = x->data == out->data && x->batch_stride == out->batch_stride &&
                          x->head_stride == out->head_stride &&
                          x->token_stride == out->token_stride;
    return !in_place && overlap(*x, *out) ? LAC_OVERLAP : LAC_OK;
}

lac_status check_positions(const lac_rope &rope, const lac_tensor &x, const int32_t *positions) {
    if (!positions) return x.tokens <= rope.positions ? LAC_OK : LAC_BAD_LENGTH;
    if (reinterpret_cast<uintptr_t>(positions) % sizeof(int32_t)) return LAC_BAD_ALIGNMENT;
    for (int64_t i = 0; i < int64_t{x.batch} * x.tokens; i++)
        if (positions[i] < 0 || positions[i] >= rope.positions) return LAC_BAD_LENGTH;
    return LAC_OK;
}

}  // namespace

lac_status validate_rope(const lac_rope &rope, int32_t features) {
    if (rope.size != sizeof(lac_rope) || !rope.cosines || !rope.sines) return LAC_BAD_ARGUMENT;
    if (reinterpret_cast<uintptr_t>(rope.cosines) % sizeof(float) ||
        reinterpret_cast<uintptr_t>(rope.sines) % sizeof(float))
        return LAC_BAD_ALIGNMENT;
    const int32_t turning = rope.rotary_dim;
    return turning < 0 || turning > features || (turning ? turning : features) % 2 ? LAC_BAD_SHAPE
                                                                                   : LAC_OK;
}

void turn_row(const lac_rope &rope, lac_type type, int32_t features, int64_t position,
              const uint8_t *from, uint8_t *to) {
    const int32_t pairs = (rope.rotary_dim ? rope.rotary_dim : features) / 2;
    const Turn t{rope.cosines + position * pairs, rope.sines + position * pairs, pairs,
                 rope.interleaved ? 1 : pairs,    rope.interleaved ? 2 : 1,      features};
    switch (type) {
        case LAC_F16: turn<F16>(t, from, to); break;
        case LAC_BF16: turn<Bf16>(t, from, to); break;
        default: turn<F32>(t, from, to); break;
    }
}

}  // namespace lacuna

extern "C" lac_status lac_rope_apply(const lac_rope *rope, const lac_tensor *x,
                                     const int32_t *positions, const lac_tensor *out) {
    using namespace lacuna;
    if (!rope) return LAC_BAD_ARGUMENT;
    if (const lac_status s = check_tensors(x, out); s != LAC_OK) return s;
    if (const lac_status s = validate_rope(*rope, x->features); s != LAC_OK) return s;
    if (const lac_status s = check_positions(*rope, *x, positions); s != LAC_OK) return s;
    for (int32_t b = 0; b < x->batch; b++) {
        for (int32_t t = 0; t < x->tokens; t++) {
            const int64_t position = positions ? positions[int64_t{b} * x->tokens + t] : t;
            for (int32_t h = 0; h < x->heads; h++)
                turn_row(*rope, x->type, x->features, position, row_at(*x, b, h, t),
                         row_at(*out, b, h, t));
        }
    }
    return LAC_OK;
}
