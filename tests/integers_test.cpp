// K and V as 8-bit integers with a scale a row: what becomes of them, and what it costs.
#include <gtest/gtest.h>

#include <limits>

#include "tests/accuracy.h"
#include "tests/cached.h"
#include "tests/kernel_params.h"

namespace lacuna {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

class Integers : public testing::TestWithParam<KernelOnTier> {
protected:
    static const lac_kernel_entry &entry() { return lac_kernels.kernels[std::get<0>(GetParam())]; }
    static lac_kernel kernel() { return find_kernel(entry(), std::get<1>(GetParam())); }
    static Problem problem(const std::string &pattern, int tokens) {
        Problem p;
        p.pattern = pattern;
        p.heads = 4;
        p.kv_heads = 2;
        p.q_tokens = p.k_tokens = tokens;
        fit(p, entry());
        return p;
    }
    // The same numbers before they are rounded.
    static Problem wide(Problem p) {
        p.key_type = p.value_type = p.type;
        return p;
    }
    static bool rounds_keys() { return entry().key_type == LAC_I8; }
};

// The rows of `from` as the definition has them, in `to`.
void round_rows(const TestTensor &from, const TestTensor &to) {
    const lac_tensor t = to.view();
    for (int h = 0; h < t.heads; h++) {
        for (int i = 0; i < t.tokens; i++) {
            std::vector<float> row;
            for (int d = 0; d < t.features; d++) row.push_back(from.at(0, h, i, d));
            const IntegerRow rounded = quantised(row.data(), row.size());
            const_cast<float *>(t.scales)[h * t.tokens + i] = rounded.scale;
            for (int d = 0; d < t.features; d++) {
                auto *unit =
                    static_cast<int8_t *>(t.data) + h * t.head_stride + i * t.token_stride + d;
                *unit = rounded.units[static_cast<size_t>(d)];
            }
        }
    }
}

ResultBits through_cache(const lac_kernel &kernel, const Problem &p, Tensors &t, int chunk,
                         const float *factors = nullptr) {
    clear_output(t);
    lac_cache_options options = options_of(p, chunk, 0);
    options.key_factors = factors;
    Cached cache(kernel, p.pattern, options);
    while (cache.tokens() < p.k_tokens) {
        const int count = std::min(chunk, p.k_tokens - cache.tokens());
        lac::check(cache.append(t, 0, count));
        lac::check(step({&cache}, p, t, {count}, {}));
    }
    return all_bits(t, p);
}

// Against attention over `exact`, in float64.
double error_of(const Problem &p, const Tensors &t, const Tensors &exact) {
    return nmse(exact_output(p, exact), output_of(p, t));
}

TEST_P(Integers, AppendedNumbersAreRoundedAsDefined) {
    for (const char *pattern : {"dense", "window:20+sink:3", "dilated:6,3", "topk:40"}) {
        Problem p = problem(pattern, 130);
        if (p.pattern == "topk:40") give_lists(p, 1, false);
        Tensors numbers(wide(p)), integers(p);
        // A row of zeros, one too small to have a scale, and one of extremes.
        for (int d = 0; d < p.head_dim; d++) {
            numbers.k.at(0, 0, 5, d) = 0;
            numbers.k.at(0, 1, 6, d) = 1e-38f;
            numbers.k.at(0, 0, 7, d) = d % 2 ? 60000 : -60000;
        }
        copy_elements(numbers.q, integers.q);
        const std::pair<const TestTensor *, const TestTensor *> sides[] = {
            {&numbers.k, &integers.k}, {&numbers.v, &integers.v}};
        for (const auto &[from, to] : sides)
            to->view().type == LAC_I8 ? round_rows(*from, *to) : copy_elements(*from, *to);
        const ResultBits want = result(kernel(), p, integers, {});
        for (Tensors *tensors : {&integers, &numbers}) {
            for (const int chunk : {9, 130}) {
                const ResultBits got = p.lists ? in_one_step(kernel(), p, *tensors)
                                               : through_cache(kernel(), p, *tensors, chunk);
                EXPECT_EQ(difference(got, want), "") << pattern << " by " << chunk;
            }
        }
    }
}

TEST_P(Integers, CostLittleOnNormalNumbers) {
    for (const char *pattern : {"dense", "window:200"}) {
        const Problem p = problem(pattern, 500);
        Tensors t(wide(p));
        through_cache(kernel(), p, t, 500);
        EXPECT_LE(error_of(p, t, t), 5e-4) << pattern;
    }
}

// Some channels of K are 30 times the others. Factors, given to the cache, even them out.
TEST_P(Integers, OutliersCostWhatTheSchemeCosts) {
    if (!rounds_keys()) return;
    const Problem p = problem("dense", 400);
    Tensors t(wide(p)), rounded(wide(p));
    constexpr int kOutliers[] = {3, 11, 17};
    constexpr float kLarge = 30;
    std::vector<float> factors(static_cast<size_t>(p.kv_heads) * p.head_dim, 1.0f);
    for (int h = 0; h < p.kv_heads; h++) {
        for (const int d : kOutliers) {
            factors[static_cast<size_t>(h) * p.head_dim + d] = kLarge;
            for (int i = 0; i < p.k_tokens; i++) t.k.at(0, h, i, d) = kLarge * t.k.at(0, h, i, d);
        }
    }
    // The scheme in float64: K and V rounded, all else exact.
    const std::pair<const TestTensor *, const TestTensor *> sides[] = {{&t.k, &rounded.k},
                                                                       {&t.v, &rounded.v}};
    for (const auto &[from, to] : sides) {
        for (int h = 0; h < p.kv_heads; h++) {
            for (int i = 0; i < p.k_tokens; i++) {
                const int features = from->view().features;
                std::vector<float> row;
                for (int d = 0; d < features; d++) row.push_back(from->at(0, h, i, d));
                row = as_stored_rows(row, from == &t.k ? p.key_type : p.value_type, row.size());
                for (int d = 0; d < features; d++) to->at(0, h, i, d) = row[static_cast<size_t>(d)];
            }
        }
    }
    result(find_kernel(general_kernel(wide(p)), std::get<1>(GetParam())), wide(p), rounded, {});
    std::swap(t.out, rounded.out);
    const double plain = error_of(p, t, t);
    std::swap(t.out, rounded.out);
    through_cache(kernel(), p, t, 400);
    const double raw = error_of(p, t, t);
    EXPECT_LE(raw, 2 * plain);
    through_cache(kernel(), p, t, 400, factors.data());
    EXPECT_LE(error_of(p, t, t), 1e-3);
    EXPECT_LT(error_of(p, t, t), raw / 2);
}

// A row that is not finite spoils those that keep it, and no others.
TEST_P(Integers, NanStaysWhereItIsKept) {
    const Problem p = problem("window:20", 90);
    Tensors t(wide(p));
    const ResultBits want = through_cache(kernel(), p, t, 9);
    t.k.at(0, 0, 30, 2) = kNan;
    t.v.at(0, 1, 40, 1) = std::numeric_limits<float>::infinity();
    through_cache(kernel(), p, t, 9);
    for (int h = 0; h < p.heads; h++) {
        const int at = h < 2 ? 30 : 40;
        for (int i = 0; i < p.q_tokens; i++) {
            const bool kept = i >= at && i < at + 20;
            ASSERT_EQ(std::isnan(t.out.at(0, h, i, 1)) || std::isinf(t.out.at(0, h, i, 1)), kept)
                << "head " << h << " row " << i;
        }
    }
}

// Whatever multiplies them: sums of integers are exact. Tiers that lay K out in other groups, or
// have other instructions, differ in nothing else where their formats agree.
TEST_P(Integers, GiveTheSameBitsOnTiersOfOneFormat) {
    const lac_variant &mine = *kernel().variant;
    for (const std::string &tier : runnable_tiers()) {
        const lac_kernel other = find_kernel(entry(), tier);
        const lac_variant &v = *other.variant;
        if (v.panel_keys != mine.panel_keys || v.chunk != mine.chunk || v.plane != mine.plane)
            continue;
        const bool alike = (v.value_group > 1) == (mine.value_group > 1);
        if (v.value_type == LAC_I8 && !alike) continue;  // one of them meets V in f32
        for (const char *pattern : {"dense", "window:20+sink:3"}) {
            Problem p = problem(pattern, 130);
            p.q_tokens = 77;
            p.scale = 0.6931472f;  // with log2(e) it is 1, nearly
            Tensors t(p);
            // Just below 2: the units of these are 2^14, the most there is.
            for (int i = 0; i < 8; i++)
                for (int d = 0; d < p.head_dim; d++)
                    t.q.at(0, 0, i, d) = (d % 2 ? -2.0f : 2.0f) * (1 - float(i) * 0x1p-17f);
            const ResultBits want = result(kernel(), p, t, {});
            EXPECT_EQ(difference(result(other, p, t, {}), want), "") << tier << " " << pattern;
        }
    }
}

bool of_integers(const lac_kernel_entry &e) {
    return !e.pattern && (e.key_type == LAC_I8 || e.value_type == LAC_I8);
}
INSTANTIATE_TEST_SUITE_P(Kernels, Integers, kernels_on_tiers(of_integers), kernel_on_tier_name);

TEST(IntegerFactors, MustBeNumbersAndForIntegers) {
    Problem p;
    p.key_type = p.value_type = LAC_I8;
    const lac_kernel kernel = find_kernel(general_kernel(p), runnable_tiers()[0]);
    const lac_pattern pattern = parse("dense");
    std::vector<float> factors(64, 1.0f);
    lac_cache_options options = options_of(p, 1, 0);
    options.key_factors = factors.data();
    size_t bytes = 0;
    EXPECT_EQ(lac_cache_bytes(&kernel, &pattern, &options, &bytes), LAC_OK);
    for (const float bad : {0.0f, -1.0f, kNan, std::numeric_limits<float>::infinity(), 1e-40f}) {
        factors[63] = bad;
        EXPECT_EQ(lac_cache_bytes(&kernel, &pattern, &options, &bytes), LAC_BAD_SCALE) << bad;
    }
    factors[63] = 1;
    options.key_factors =
        reinterpret_cast<const float *>(reinterpret_cast<const uint8_t *>(factors.data()) + 1);
    EXPECT_EQ(lac_cache_bytes(&kernel, &pattern, &options, &bytes), LAC_BAD_ALIGNMENT);
    options.key_factors = factors.data();
    const lac_kernel floats = find_kernel(general_kernel(), runnable_tiers()[0]);
    EXPECT_EQ(lac_cache_bytes(&floats, &pattern, &options, &bytes), LAC_BAD_TYPE);
}

TEST(IntegerTensors, BringTheirScales) {
    Problem p;
    p.key_type = p.value_type = LAC_I8;
    p.q_tokens = p.k_tokens = 4;
    const lac_kernel kernel = find_kernel(general_kernel(p), runnable_tiers()[0]);
    Tensors t(p);
    Cached cache(kernel, "dense", options_of(p, 4, 0));
    lac_tensor k = t.k.view();
    const lac_tensor v = t.v.view();
    const float *const scales = k.scales;
    k.scales = nullptr;
    EXPECT_EQ(lac_cache_append(cache.get(), &k, &v), LAC_BAD_ARGUMENT);
    k.scales = reinterpret_cast<const float *>(reinterpret_cast<const uint8_t *>(scales) + 2);
    EXPECT_EQ(lac_cache_append(cache.get(), &k, &v), LAC_BAD_ALIGNMENT);
    k.scales = scales;
    EXPECT_EQ(lac_cache_append(cache.get(), &k, &v), LAC_OK);
}

}  // namespace
}  // namespace lacuna
