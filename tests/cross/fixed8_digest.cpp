// A digest of what fixed8 gives in a few calls, and through a cache: one line a case, the same text
// on every target.
// Needs no libc beyond what a target's start file has, so that it runs on a bare Hexagon too.
#include "tests/cross/fixed8_digest.h"

#include <stddef.h>
#include <stdint.h>

#include "lac_fixed8.h"
#include "lacuna/cache.h"
#include "runtime/bundle.h"

namespace {

struct Case {
    const char *pattern;
    int32_t batch, heads, kv_heads, q_tokens, k_tokens, head_dim;
    float scale;  // 0: 1/sqrt(head_dim)
};
constexpr Case kCases[] = {
    {"dense", 1, 1, 1, 32, 192, 64, 0},
    {"dense", 1, 2, 1, 3, 700, 64, 0},
    {"dense", 1, 1, 1, 1, 5000, 64, 0},
    {"dense", 2, 2, 2, 37, 37, 20, 0},
    {"bidi/dense", 1, 1, 1, 19, 41, 20, 0},
    {"window:64", 1, 4, 2, 150, 150, 64, 0},
    {"window:40+every:7+sink:4", 1, 2, 2, 131, 131, 64, 0},
    {"dilated:9,4+block:12", 1, 2, 1, 120, 120, 20, 0},
    {"bidi/strided:6+window:8", 1, 1, 1, 90, 90, 64, 0},
    {"bidi/local:19,7+global:3", 1, 1, 1, 77, 77, 20, 0},
    {"mask:blocks,32", 1, 2, 1, 100, 100, 64, 0},
    {"dense", 1, 1, 1, 40, 40, 64, 0.000001f},
    {"dense", 1, 1, 1, 40, 40, 64, -3.0f},
    {"dense", 1, 1, 1, 40, 40, 64, 3000.0f},
    {"dense", 1, 1, 1, 15, 700, 64, 30000.0f},  // references past their range
};
constexpr int32_t kMostElements = 1 << 19, kMostRows = 1 << 13;

alignas(64) int8_t q[kMostElements], k[kMostElements], v[kMostElements];
alignas(64) int16_t out[kMostElements];
float row_scales[kMostRows], head_scales[8], log_sum_exp[kMostRows];
alignas(64) unsigned char plan_memory[1 << 20], workspace[6 << 20], cache_memory[1 << 20];

// About normal: the sum of four bytes, of standard deviation 28.
uint32_t state;
int32_t byte() {
    state = state * 1664525u + 1013904223u;
    return static_cast<int32_t>(state >> 24);
}
void fill(int8_t *x, int32_t count) {
    for (int32_t i = 0; i < count; i++) {
        const int32_t sum = (byte() + byte() + byte() + byte() - 510) * 28 / 148;
        x[i] = static_cast<int8_t>(sum);  // -96 … 96
    }
}

lac_tensor tensor(void *data, lac_type type, const Case &c, int32_t heads, int32_t tokens,
                  const float *scales) {
    const int64_t bytes = type == LAC_I16 ? 2 : 1, row = c.head_dim * bytes;
    return {sizeof(lac_tensor),   type,         data, c.batch, heads, tokens, c.head_dim,
            row * tokens * heads, row * tokens, row,  scales,  0,     0};
}

struct Packets {
    uint32_t call, kernels;
    uint32_t append, step;  // of the last tokens of a cache
};

struct Tensors {
    lac_tensor q, k, v, out;
};
Tensors filled(const Case &c) {
    state = 12345;
    fill(q, c.batch * c.heads * c.q_tokens * c.head_dim);
    fill(k, c.batch * c.kv_heads * c.k_tokens * c.head_dim);
    fill(v, c.batch * c.kv_heads * c.k_tokens * c.head_dim);
    // One product: a compiler may fuse it with a sum, and inputs would differ.
    for (float &x : row_scales) x = 0.0001f * static_cast<float>(300 + byte());
    for (float &x : head_scales) x = 0.0001f * static_cast<float>(300 + byte());
    return {tensor(q, LAC_I8, c, c.heads, c.q_tokens, row_scales),
            tensor(k, LAC_I8, c, c.kv_heads, c.k_tokens, head_scales),
            tensor(v, LAC_I8, c, c.kv_heads, c.k_tokens, head_scales),
            tensor(out, LAC_I16, c, c.heads, c.q_tokens, nullptr)};
}

// Tokens first…first+count-1 of sequence b.
lac_tensor tokens_of(lac_tensor t, int32_t b, int32_t first, int32_t count) {
    t.data = static_cast<int8_t *>(t.data) + b * t.batch_stride + first * t.token_stride;
    t.batch = 1, t.tokens = count;
    return t;
}

lac_status append(lac_cache *cache, const Tensors &t, int32_t b, int32_t first, int32_t count) {
    lac_tensor keys = tokens_of(t.k, b, first, count), values = tokens_of(t.v, b, first, count);
    keys.scales += ptrdiff_t{b} * keys.heads, values.scales += ptrdiff_t{b} * values.heads;
    return lac_cache_append(cache, &keys, &values);
}

lac_status step(const lac_cache *cache, const Tensors &t, int32_t b, int32_t first, int32_t count,
                lac_args args) {
    static float sums[kMostRows];
    lac_tensor rows = tokens_of(t.q, b, first, count);
    rows.scales += b * t.q.heads * t.q.tokens + first;
    rows.scale_head_stride = t.q.tokens;
    const lac_tensor to = tokens_of(t.out, b, first, count);
    lac_step step = {};
    step.size = sizeof step, step.count = 1, step.caches = &cache;
    args.log_sum_exp = sums;
    const lac_status s = lac_step_attend(&step, &rows, &to, &args, workspace, sizeof workspace);
    for (int32_t h = 0; h < rows.heads; h++)
        for (int32_t i = 0; i < count; i++)
            log_sum_exp[(b * rows.heads + h) * t.q.tokens + first + i] = sums[h * count + i];
    return s;
}

// All sequences, one after the other, in chunks of several sizes.
lac_status attend_cached(const lac_kernel &kernel, const lac_pattern &pattern, const Case &c,
                         const Tensors &t, const lac_args &args, Packets *packets) {
    constexpr int32_t kChunks[] = {1, 7, 32, 3, 40};
    const int32_t most = c.k_tokens < 40 ? c.k_tokens : 40;
    const lac_cache_options options = {sizeof options, c.heads, c.kv_heads, c.k_tokens, most, 0,
                                       nullptr,        nullptr, 0};
    const int32_t start = c.k_tokens - c.q_tokens;
    lac_status s = LAC_OK;
    for (int32_t b = 0; b < c.batch && s == LAC_OK; b++) {
        lac_cache *cache = nullptr;
        s = lac_cache_init(&kernel, &pattern, &options, cache_memory, sizeof cache_memory, &cache);
        int32_t turn = 0, count = 0;
        for (int32_t at = 0; at < c.k_tokens && s == LAC_OK; at += count) {
            const int32_t left = (at < start ? start : c.k_tokens) - at, chunk = kChunks[turn];
            count = chunk < left ? chunk : left;
            turn = (turn + 1) % 5;
            const uint32_t before = packets_so_far();
            s = append(cache, t, b, at, count);
            const uint32_t appended = packets_so_far();
            if (s == LAC_OK && at >= start) s = step(cache, t, b, at - start, count, args);
            packets->append = appended - before;
            packets->step = packets_so_far() - appended;
        }
    }
    return s;
}

uint32_t hash(uint32_t h, const void *data, size_t bytes) {
    const auto *x = static_cast<const unsigned char *>(data);
    for (size_t i = 0; i < bytes; i++) h = (h ^ x[i]) * 16777619u;
    return h;
}

void say_number(void (*say_part)(const char *), uint32_t x, uint32_t base) {
    char text[12];
    int at = 11;
    text[at] = 0;
    do text[--at] = "0123456789abcdef"[x % base];
    while (x /= base);
    say_part(text + at);
}

// The kernel's functions, counted.
const lac_variant *uncounted;
uint32_t in_kernels;
template <class Pointer>
struct Counted;
template <class... Args>
struct Counted<int (*)(Args...)> {
    template <int (*lac_variant::*member)(Args...)>
    static int call(Args... args) {
        const uint32_t before = packets_so_far();
        const int error = (uncounted->*member)(args...);
        in_kernels += packets_so_far() - before;
        return error;
    }
};
lac_variant counted(const lac_variant &v) {
    using namespace lacuna;
    lac_variant own = v;
    own.partial_words = Counted<PartialWordsFn>::call<&lac_variant::partial_words>;
    own.partial_words_few = Counted<PartialWordsFn>::call<&lac_variant::partial_words_few>;
    own.fold = Counted<FoldFn>::call<&lac_variant::fold>;
    own.merge = Counted<MergeFn>::call<&lac_variant::merge>;
    uncounted = &v;
    return own;
}

// And leaves something else there.
uint32_t hash_of_results(int32_t rows, int32_t head_dim) {
    uint32_t h = hash(2166136261u, out, sizeof(int16_t) * static_cast<size_t>(rows * head_dim));
    h = hash(h, log_sum_exp, sizeof(float) * static_cast<size_t>(rows));
    for (int32_t i = 0; i < rows * head_dim; i++) out[i] = -1;
    for (int32_t i = 0; i < rows; i++) log_sum_exp[i] = -1;
    return h;
}

// Bits of a call, and of a cache where the pattern takes steps; else 0.
struct Digest {
    uint32_t call, cached;
};

lac_status attend(const Case &c, Digest *digest, Packets *packets) {
    lac_pattern pattern;
    lac_status s = lac_pattern_parse(c.pattern, &pattern, nullptr);
    if (s != LAC_OK) return s;
    lac_request request = {sizeof(lac_request), LAC_I8, c.head_dim, 0, nullptr, LAC_I8, LAC_I8, {}};
    lac_kernel kernel;
    s = lac_kernel_find(&lac_fixed8_kernels, &request, &kernel);
    if (s != LAC_OK) return s;
    const lac_variant variant = counted(*kernel.variant);
    kernel.variant = &variant;
    lac_shape shape = {};
    shape.size = sizeof shape;
    shape.batch = c.batch, shape.heads = c.heads, shape.kv_heads = c.kv_heads;
    shape.q_tokens = c.q_tokens, shape.k_tokens = c.k_tokens;
    // Block rows of 0, 0 1, 0 2, 1 3.
    const int64_t starts[] = {0, 1, 3, 5, 7};
    const int32_t blocks[] = {0, 0, 1, 0, 2, 1, 3};
    lac_lists lists = {};
    lists.size = sizeof lists;
    lists.batch = lists.heads = 1, lists.rows = 4, lists.index_count = 7;
    lists.starts = starts, lists.indices = blocks;
    if (c.pattern[0] == 'm') {
        s = lac_lists_check(&pattern, &shape, &lists, nullptr);
        if (s != LAC_OK) return s;
        shape.lists = &lists;
    }
    const lac_plan *plan = nullptr;
    s = lac_plan_init(&kernel, &pattern, &shape, plan_memory, sizeof plan_memory, &plan);
    if (s != LAC_OK) return s;

    const Tensors t = filled(c);
    const int32_t rows = c.batch * c.heads * c.q_tokens;
    hash_of_results(rows, c.head_dim);
    lac_args args = {};
    args.size = sizeof args;
    args.scale = c.scale;
    args.log_sum_exp = log_sum_exp;
    in_kernels = 0;
    const uint32_t before = packets_so_far();
    s = lac_attention(&kernel, plan, &t.q, &t.k, &t.v, &t.out, &args, workspace, sizeof workspace);
    *packets = {packets_so_far() - before, in_kernels, 0, 0};
    *digest = {hash_of_results(rows, c.head_dim), 0};
    if (s != LAC_OK || pattern.bidi || shape.lists) return s;
    s = attend_cached(kernel, pattern, c, t, args, packets);
    digest->cached = hash_of_results(rows, c.head_dim);
    return s;
}

// As count.py reads them.
void say_packets(const char *what, uint32_t packets) {
    if (!packets) return;
    say_beside("case fixed8 ");
    say_beside(what);
    say_beside("\ninstructions ");
    say_number(say_beside, packets, 10);
    say_beside("\n");
}

}  // namespace

int digest() {
    int failures = 0;
    for (const Case &c : kCases) {
        Digest bits = {};
        Packets packets = {};
        const lac_status s = attend(c, &bits, &packets);
        say("case ");
        say(c.pattern);
        const int32_t sizes[] = {c.q_tokens, c.k_tokens, c.head_dim};
        for (const int32_t n : sizes) say(" "), say_number(say, static_cast<uint32_t>(n), 10);
        if (s == LAC_OK) {
            say(": ");
            say_number(say, bits.call, 16);
            if (bits.cached) say(bits.cached == bits.call ? ", cached too" : ", not when cached");
            failures += bits.cached && bits.cached != bits.call;
        } else {
            say(": failed: ");
            say(lac_status_message(s));
            failures++;
        }
        say("\n");
        if (&c == kCases) {
            say_packets("dense, 32 queries, 192 keys, the kernels", packets.kernels);
            say_packets("dense, 32 queries, 192 keys, the call", packets.call);
        }
        if (c.k_tokens == 5000) {
            say_packets("dense, token 5000 of a cache, the append", packets.append);
            say_packets("dense, token 5000 of a cache, the step", packets.step);
        }
    }
    return failures;
}
