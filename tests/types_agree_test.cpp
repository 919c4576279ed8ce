// A kernel of 16-bit tensors gives the bits that the f32 kernel gives for the same numbers.
#include "tests/accuracy.h"
#include "tests/narrow.h"

namespace lacuna {
namespace {

const char *const kPatterns[] = {"dense",           "window:37",      "bidi/strided:5+window:9",
                                 "mask:csr",        "mask:blocks,9",  "mask:pairs",
                                 "topk:24,tile=16", "topk:19,cap=30", "bidi/global:list+local:6,6"};

TEST_P(Types, TheBitsOfTheF32KernelOnWidenedTensors) {
    for (const char *pattern : kPatterns) {
        if (entry().pattern && pattern != std::string("window:37")) continue;
        // Integer products, and weights times scales.
        if (entry().key_type == LAC_I8 || entry().value_type == LAC_I8) continue;
        for (const float softcap : {0.0f, 20.0f}) {
            Problem p = problem(pattern);
            p.batch = 2;
            p.heads = 4;
            p.kv_heads = 2;
            p.q_tokens = 70;
            p.k_tokens = 190;
            p.softcap = softcap;
            p.order = softcap == 0 ? Order::kHeadsFirst : Order::kFused;
            if (reads_lists(parse(p.pattern))) give_lists(p, 2, true);
            Problem wide = p;
            wide.type = wide.key_type = wide.value_type = LAC_F32;
            Tensors t(p), w(wide);
            copy_elements(t.q, w.q);
            copy_elements(t.k, w.k);
            copy_elements(t.v, w.v);
            ASSERT_EQ(run(kernel(), p, t), LAC_OK) << p.describe();
            const lac_kernel_entry &f32 = general_kernel(wide);
            ASSERT_EQ(run(find_kernel(f32, std::get<1>(GetParam())), wide, w), LAC_OK);
            for (int i = 0; i < p.batch * p.heads; i++) {
                const int b = i / p.heads, h = i % p.heads;
                ASSERT_EQ(t.out.rows(b, h, p.q_tokens),
                          as_stored(w.out.rows(b, h, p.q_tokens), p.type))
                    << p.describe();
            }
            EXPECT_EQ(t.log_sum_exp, w.log_sum_exp) << p.describe();
        }
    }
}

// Beside the numbers before they were rounded to the kernel's types: within twice the error of
// exact attention over the rounded ones, rounded once more. All else that an implementation of
// these types does can only add to that.
TEST_P(Types, CostLittleMoreThanTheRoundingOfTheirElements) {
    if (entry().key_type == LAC_I8 || entry().value_type == LAC_I8) return;  // integers_test
    for (const char *pattern : {"dense", "window:37"}) {
        if (entry().pattern && pattern != std::string("window:37")) continue;
        Problem p = problem(pattern);
        p.heads = 4;
        p.kv_heads = 2;
        p.q_tokens = p.k_tokens = 150;
        Problem wide = p;
        wide.type = wide.key_type = wide.value_type = LAC_F32;
        Tensors t(p);
        const Tensors exact(wide);
        copy_elements(exact.q, t.q);
        copy_elements(exact.k, t.k);
        copy_elements(exact.v, t.v);
        const std::vector<double> want = exact_output(wide, exact), of_rounded = exact_output(p, t);
        std::vector<double> scheme;
        for (const double x : of_rounded) {
            const auto single = static_cast<float>(x);
            scheme.push_back(p.type == LAC_F32 ? single : widened(rounded(single, p.type), p.type));
        }
        ASSERT_EQ(run(kernel(), p, t), LAC_OK) << p.describe();
        const double error = nmse(want, output_of(p, t)), least = nmse(want, scheme);
        EXPECT_GT(least, 1e-9) << p.describe();
        EXPECT_LE(error, 2 * least) << p.describe();
    }
}

INSTANTIATE_TEST_SUITE_P(All, Types, kernels_on_tiers(of_narrow_types), kernel_on_tier_name);

}  // namespace
}  // namespace lacuna
