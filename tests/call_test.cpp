// Every status of lac_attention, one spoilt argument at a time; a refused call leaves the output
// as it was.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/trial.h"

namespace lacuna {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kLargest = std::numeric_limits<float>::max();

void expect_refused(Trial &s, lac_status want, const std::string &what) {
    EXPECT_EQ(s.attend(), want) << what;
    EXPECT_TRUE(s.output_untouched()) << what;
}

TEST(Call, RefusesWhatIsMissingOrTooSmall) {
    const Spoilt rows[] = {
        {"no kernel", LAC_BAD_ARGUMENT, [](Trial &s) { s.kernel_at = nullptr; }},
        {"kernel size", LAC_BAD_ARGUMENT, [](Trial &s) { s.kernel.size++; }},
        {"kernel without variant", LAC_BAD_ARGUMENT, [](Trial &s) { s.kernel.variant = nullptr; }},
        {"no plan", LAC_BAD_ARGUMENT, [](Trial &s) { s.plan = nullptr; }},
        {"no q", LAC_BAD_ARGUMENT, [](Trial &s) { s.q_at = nullptr; }},
        {"no k", LAC_BAD_ARGUMENT, [](Trial &s) { s.k_at = nullptr; }},
        {"no v", LAC_BAD_ARGUMENT, [](Trial &s) { s.v_at = nullptr; }},
        {"no out", LAC_BAD_ARGUMENT, [](Trial &s) { s.out_at = nullptr; }},
        {"args size", LAC_BAD_ARGUMENT, [](Trial &s) { s.args.size = 0; }},
        {"no parallel_for", LAC_BAD_ARGUMENT, [](Trial &s) { s.args.parallel_for = nullptr; }},
        {"no workspace", LAC_BAD_ARGUMENT, [](Trial &s) { s.workspace = nullptr; }},
        {"workspace misaligned", LAC_BAD_ALIGNMENT,
         [](Trial &s) { s.workspace = shifted(s.workspace, 4); }},
        {"log-sum-exp misaligned", LAC_BAD_ALIGNMENT,
         [](Trial &s) {
             s.args.log_sum_exp = static_cast<float *>(shifted(s.args.log_sum_exp, 2));
         }},
        {"workspace a byte short", LAC_TOO_SMALL, [](Trial &s) { s.workspace_bytes--; }},
        {"workspace of no bytes", LAC_TOO_SMALL, [](Trial &s) { s.workspace_bytes = 0; }},
        {"workspace for fewer threads", LAC_TOO_SMALL, [](Trial &s) { s.args.threads = 3; }},
        {"threads negative", LAC_TOO_MANY_THREADS, [](Trial &s) { s.args.threads = -1; }},
        {"threads most negative", LAC_TOO_MANY_THREADS,
         [](Trial &s) { s.args.threads = std::numeric_limits<int32_t>::min(); }},
        {"threads over", LAC_TOO_MANY_THREADS,
         [](Trial &s) { s.args.threads = LAC_MAX_THREADS + 1; }},
        {"scale NaN", LAC_BAD_SCALE, [](Trial &s) { s.args.scale = NAN; }},
        {"scale infinite", LAC_BAD_SCALE, [](Trial &s) { s.args.scale = -kInfinity; }},
        {"scale overflows in base 2", LAC_BAD_SCALE, [](Trial &s) { s.args.scale = kLargest; }},
        {"softcap NaN", LAC_BAD_SCALE, [](Trial &s) { s.args.softcap = NAN; }},
        {"softcap infinite", LAC_BAD_SCALE, [](Trial &s) { s.args.softcap = kInfinity; }},
        {"softcap negative", LAC_BAD_SCALE, [](Trial &s) { s.args.softcap = -1; }},
        {"softcap overflows in base 2", LAC_BAD_SCALE,
         [](Trial &s) { s.args.softcap = kLargest; }}};
    for (const Spoilt &row : rows) {
        Trial s;
        row.spoil(s);
        expect_refused(s, row.want, row.what);
    }
}

TEST(Call, NeedsNoParallelForAlone) {
    for (const int32_t threads : {0, 1}) {
        Trial s;
        s.args.threads = threads;
        s.args.parallel_for = nullptr;
        EXPECT_EQ(s.attend(), LAC_OK);
    }
}

using Change = void (*)(lac_tensor &);
struct SpoiltTensor {
    const char *what;
    lac_status want;
    Change change;
};

TEST(Call, RefusesEachTensor) {
    const SpoiltTensor rows[] = {
        {"no data", LAC_BAD_ARGUMENT, [](lac_tensor &t) { t.data = nullptr; }},
        {"size", LAC_BAD_ARGUMENT, [](lac_tensor &t) { t.size = 0; }},
        {"type", LAC_BAD_TYPE, [](lac_tensor &t) { t.type = static_cast<lac_type>(0); }},
        {"batch", LAC_BAD_SHAPE, [](lac_tensor &t) { t.batch++; }},
        {"heads", LAC_BAD_SHAPE, [](lac_tensor &t) { t.heads++; }},
        {"no heads", LAC_BAD_SHAPE, [](lac_tensor &t) { t.heads = 0; }},
        {"tokens", LAC_BAD_SHAPE, [](lac_tensor &t) { t.tokens--; }},
        {"features", LAC_BAD_SHAPE, [](lac_tensor &t) { t.features *= 2; }},
        {"misaligned", LAC_BAD_ALIGNMENT, [](lac_tensor &t) { t.data = shifted(t.data, 2); }},
        {"odd batch stride", LAC_BAD_STRIDE, [](lac_tensor &t) { t.batch_stride += 1; }},
        {"odd head stride", LAC_BAD_STRIDE, [](lac_tensor &t) { t.head_stride -= 2; }},
        {"odd token stride", LAC_BAD_STRIDE, [](lac_tensor &t) { t.token_stride += 3; }},
        {"least batch stride", LAC_BAD_STRIDE, [](lac_tensor &t) { t.batch_stride = INT64_MIN; }},
        {"least head stride", LAC_BAD_STRIDE, [](lac_tensor &t) { t.head_stride = INT64_MIN; }},
        {"least token stride", LAC_BAD_STRIDE, [](lac_tensor &t) { t.token_stride = INT64_MIN; }},
        {"batch reach wraps", LAC_BAD_STRIDE, [](lac_tensor &t) { t.batch_stride = -(1LL << 62); }},
        {"head reach wraps", LAC_BAD_STRIDE, [](lac_tensor &t) { t.head_stride = 1LL << 62; }},
        {"tokens past 2^31 elements", LAC_BAD_STRIDE,
         [](lac_tensor &t) { t.token_stride = 1LL << 33; }},
        {"tokens past -2^31 elements", LAC_BAD_STRIDE,
         [](lac_tensor &t) { t.token_stride = -(1LL << 33) / 8; }}};
    lac_tensor Trial::*const tensors[] = {&Trial::q, &Trial::k, &Trial::v, &Trial::out};
    for (const SpoiltTensor &row : rows) {
        for (size_t i = 0; i < std::size(tensors); i++) {
            Trial s;
            row.change(s.*tensors[i]);
            expect_refused(s, row.want, std::string(row.what) + " of tensor " + std::to_string(i));
        }
    }
}

// A kernel of 16-bit K and V: tensors of another type, and what 16 bits allow.
TEST(Call, TypesAreEachTensors) {
    Problem p;
    p.q_tokens = p.k_tokens = 20;
    p.key_type = p.value_type = LAC_F16;
    const lac_pattern pattern = parse("window:9");
    lac_request request{sizeof(lac_request), LAC_F32, 64, 0, nullptr, LAC_F16, LAC_F16, {}};
    const lac_shape shape{sizeof(lac_shape), 1,       1,       1,       20,      20,
                          nullptr,           nullptr, nullptr, nullptr, nullptr, 0};
    lac::Attention attention(lac_kernels, request, pattern, shape);
    Tensors t(p);
    const lac_tensor q = t.q.view(), k = t.k.view(), v = t.v.view(), out = t.out.view();
    const auto refused = [&](lac_status want, const lac_tensor &q, const lac_tensor &k,
                             const lac_tensor &v, const lac_tensor &out) {
        try {
            attention(q, k, v, out);
            return want == LAC_OK;
        } catch (const lac::Error &error) {
            return error.status == want;
        }
    };
    EXPECT_TRUE(refused(LAC_OK, q, k, v, out));
    for (const lac_type wrong : {LAC_F32, LAC_BF16, lac_type{}}) {
        lac_tensor bad = k;
        bad.type = wrong;
        EXPECT_TRUE(refused(LAC_BAD_TYPE, q, bad, v, out)) << wrong;
        bad = v;
        bad.type = wrong;
        EXPECT_TRUE(refused(LAC_BAD_TYPE, q, k, bad, out)) << wrong;
    }
    for (const lac_type wrong : {LAC_F16, LAC_BF16}) {
        lac_tensor bad = q;
        bad.type = wrong;
        EXPECT_TRUE(refused(LAC_BAD_TYPE, bad, k, v, out)) << wrong;
        bad = out;
        bad.type = wrong;
        EXPECT_TRUE(refused(LAC_BAD_TYPE, q, k, v, bad)) << wrong;
    }
    lac_tensor bad = k;
    bad.data = shifted(k.data, 1);
    EXPECT_TRUE(refused(LAC_BAD_ALIGNMENT, q, bad, v, out));
    bad = k;
    bad.token_stride -= 1;
    EXPECT_TRUE(refused(LAC_BAD_STRIDE, q, bad, v, out));
    bad.token_stride -= 1;  // a multiple of 2
    EXPECT_TRUE(refused(LAC_OK, q, bad, v, out));
}

TEST(Call, RequestsNameTypes) {
    const struct {
        lac_type type, key_type, value_type;
        const char *name;
    } rows[] = {{LAC_F32, {}, {}, "lac_attention_f32_d64"},
                {{}, {}, {}, "lac_attention_f32_d64"},
                {LAC_F32, LAC_F32, {}, "lac_attention_f32_d64"},
                {{}, LAC_F16, LAC_F16, "lac_attention_f32_kvf16_d64"},
                {LAC_F16, LAC_F32, LAC_F32, "lac_attention_f16_kvf32_d64"},
                {LAC_F32, LAC_F16, {}, nullptr},
                {LAC_F16, {}, {}, nullptr},
                {static_cast<lac_type>(9), {}, {}, nullptr}};
    unsetenv("LACUNA_TIER");
    for (const auto &row : rows) {
        const lac_request request{sizeof(lac_request), row.type,       64, 0, nullptr,
                                  row.key_type,        row.value_type, {}};
        lac_kernel kernel{};
        const lac_status status = lac_kernel_find(&lac_kernels, &request, &kernel);
        EXPECT_EQ(status, row.name ? LAC_OK : LAC_NO_KERNEL);
        EXPECT_STREQ(row.name ? lac_kernel_name(&kernel) : nullptr, row.name);
    }
    EXPECT_EQ(lac_type_bytes(LAC_F32), 4u);
    EXPECT_EQ(lac_type_bytes(LAC_F16), 2u);
    EXPECT_EQ(lac_type_bytes(LAC_BF16), 2u);
    EXPECT_EQ(lac_type_bytes(lac_type{}), 0u);
}

// By one byte, at either end, or wholly; neighbours are welcome.
TEST(Call, RefusesOverlap) {
    const Problem p = Trial().problem;
    const auto bytes = [&](int heads, int tokens) {
        return static_cast<ptrdiff_t>(sizeof(float)) * p.batch * heads * tokens * p.head_dim;
    };
    lac_tensor Trial::*const tensors[] = {&Trial::q, &Trial::k, &Trial::v};
    for (size_t i = 0; i < std::size(tensors); i++) {
        const ptrdiff_t out = bytes(p.heads, p.q_tokens);
        const ptrdiff_t in = i == 0 ? out : bytes(p.kv_heads, p.k_tokens);
        const ptrdiff_t f = sizeof(float);
        for (const ptrdiff_t offset : {ptrdiff_t{0}, f - out, in - f, in / 2 / f * f}) {
            Trial s;
            s.out.data = shifted((s.*tensors[i]).data, offset);
            expect_refused(s, LAC_OVERLAP, "input " + std::to_string(i));
        }
    }
    // One block of memory: inputs that overlap each other, then the output right behind them.
    Trial s;
    std::vector<float> block(static_cast<size_t>(2 * bytes(p.heads, p.k_tokens)) / sizeof(float));
    s.k.data = s.v.data = s.q.data = block.data();
    s.out.data =
        shifted(block.data(), std::max(bytes(p.heads, p.q_tokens), bytes(p.kv_heads, p.k_tokens)));
    EXPECT_EQ(s.attend(), LAC_OK);
}

TEST(Call, RefusesAPlanOfAnotherKernel) {
    const lac_kernel_entry *const own = &lac_kernels.kernels[0];
    int refused = 0;
    for (const lac_kernel_entry *e = own; e < own + lac_kernels.kernel_count; e++) {
        for (int32_t i = 0; i < e->variant_count; i++) {
            Trial s;
            if (s.kernel.variant == &e->variants[i]) continue;
            s.kernel.variant = &e->variants[i];
            expect_refused(s, LAC_PATTERN_MISMATCH, std::string(e->name) + e->variants[i].tier);
            refused++;
        }
    }
    EXPECT_GT(refused, lac_kernels.kernel_count);
}

// The same cuts of memory in each order of axes; a stride of an axis of one is never used.
TEST(Call, TakesAnyStrideOfAnAxisOfOne) {
    Problem p;
    p.q_tokens = p.k_tokens = 9;
    const lac_pattern pattern = parse("dense");
    const lac_request request{sizeof(lac_request), LAC_F32, 64, 64, nullptr, {}, {}, {}};
    const lac_shape shape{sizeof(lac_shape), 1,       1,       1,       9,       9,
                          nullptr,           nullptr, nullptr, nullptr, nullptr, 0};
    lac::Attention attention(lac_kernels, request, pattern, shape);
    Tensors t(p);
    lac_tensor q = t.q.view(), k = t.k.view(), v = t.v.view(), out = t.out.view();
    for (lac_tensor *tensor : {&q, &k, &v, &out}) tensor->batch_stride = 1LL << 62;
    k.head_stride = v.head_stride = -(1LL << 62);
    EXPECT_NO_THROW(attention(q, k, v, out));
    EXPECT_LE(judge(p, t).error_ratio, 1.0);
}

}  // namespace
}  // namespace lacuna
