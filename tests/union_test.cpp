// Random unions on random shapes and layouts, against the oracle.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

#include "patterns/parse.h"
#include "tests/harness.h"
#include "tests/lists.h"

namespace lacuna {
namespace {

// A parameter: mostly near the lengths and tiles, at times beyond any length.
int32_t any_argument(const Parameter &parameter) {
    const int32_t small = *rc::gen::inRange(parameter.least, 40);
    const int32_t medium = *rc::gen::inRange(parameter.least, 220);
    return std::min(parameter.most,
                    *rc::gen::weightedElement<int32_t>(
                        {{4, small}, {3, medium}, {1, parameter.least}, {1, LAC_MAX_ARGUMENT}}));
}

lac_atom any_atom() {
    lac_atom atom{*rc::gen::inRange<uint32_t>(0, kAtomKinds), {}, 0, 0};
    const Syntax &syntax = syntax_of(atom.kind);
    for (int i = 0; i < syntax.count; i++) {
        const bool left_out = syntax.parameter[i].named && *rc::gen::arbitrary<bool>();
        atom.arg[i] = left_out ? 0 : any_argument(syntax.parameter[i]);
    }
    return atom;
}

// At most one atom reads rows of lists, and none is listed twice.
std::string any_union() {
    lac_pattern p{};
    p.size = sizeof p;
    p.bidi = *rc::gen::arbitrary<bool>();
    const int wanted = *rc::gen::inRange(1, 5);
    for (int i = 0; i < wanted; i++) {
        p.atom[p.atom_count++] = any_atom();
        if (!well_formed(p)) p.atom_count--;
    }
    if (*rc::gen::inRange(0, 4) == 0) p.atom[p.atom_count - 1].end_head = 1;
    char text[512];
    lac_pattern_text(&p, text, sizeof text);
    return text;
}

void choose_lengths(Problem &p) {
    p.batch = *rc::gen::inRange(1, 4);
    p.k_tokens = *rc::gen::inRange(1, 201);
    p.q_tokens = *rc::gen::inRange(1, p.k_tokens + 1);
    if (!*rc::gen::arbitrary<bool>()) return;
    for (int b = 0; b < p.batch; b++) {
        p.k_lengths.push_back(*rc::gen::inRange(1, p.k_tokens + 1));
        p.q_lengths.push_back(*rc::gen::inRange(0, std::min(p.q_tokens, p.k_lengths[b]) + 1));
        p.q_starts.push_back(*rc::gen::inRange(0, p.k_lengths[b] - p.q_lengths[b] + 1));
    }
}

const lac_kernel_entry &any_kernel() {
    std::vector<int> general;  // compiled for no pattern of their own
    for (int i = 0; i < lac_bundle_kernel_count(&lac_kernels); i++)
        if (!lac_kernels.kernels[i].pattern) general.push_back(i);
    return lac_kernels.kernels[*rc::gen::elementOf(general)];
}

Problem any_problem(const lac_kernel_entry &entry) {
    Problem p;
    p.pattern = any_union();
    choose_lengths(p);
    const lac_pattern pattern = parse(p.pattern);
    if (pattern.atom_count > 1 || pattern.atom[0].end_head == 0) {
        p.kv_heads = *rc::gen::inRange(1, 4);
        p.heads = p.kv_heads * *rc::gen::element(1, 1, 2, 3, 4, 7, 16);
    }
    fit(p, entry);
    p.order = static_cast<Order>(*rc::gen::inRange(0, 4));
    p.flush = *rc::gen::element(Flush::kFront, Flush::kBack);
    p.softcap = *rc::gen::element(0.0f, 0.0f, 2.0f, 30.0f);
    p.scale = *rc::gen::element(0.0f, 0.0f, 0.4f, -0.1f);
    p.threads = *rc::gen::inRange(1, 4);
    p.seed = *rc::gen::inRange(0u, 1000u);
    if (reads_lists(pattern)) {
        const int heads = *rc::gen::element(1, p.kv_heads, p.heads);
        give_lists(p, heads, *rc::gen::arbitrary<bool>());
    }
    return p;
}

// Rows past a sequence's length keep what the caller left there.
bool idle_rows_untouched(const Problem &p, Tensors &t) {
    for (int b = 0; b < p.batch; b++) {
        for (int h = 0; h < p.heads; h++) {
            for (int i = p.q_length(b); i < p.q_tokens; i++) {
                for (int d = 0; d < p.value_dim; d++)
                    if (t.out.at(b, h, i, d) != -7.0f) return false;
                const size_t row = (static_cast<size_t>(b) * p.heads + h) * p.q_tokens + i;
                if (t.log_sum_exp[row] != -7.0f) return false;
            }
        }
    }
    return true;
}

// The gaps of a fused layout belong to other tensors.
bool gaps_untouched(const Problem &p, Tensors &t) {
    if (p.order != Order::kFused) return true;
    const lac_tensor out = t.out.view();
    const int64_t rows = static_cast<int64_t>(p.batch) * p.q_tokens * p.heads;
    const auto *data = static_cast<const float *>(out.data);
    const int64_t row = out.head_stride / static_cast<int64_t>(sizeof(float));
    for (int64_t r = 0; r + 1 < rows; r++)
        for (int64_t d = p.value_dim; d < row; d++)
            if (data[r * row + d] != 0.0f) return false;
    return true;
}

std::string fault_of(const lac_kernel &kernel, const Problem &p) {
    Tensors t(p);
    if (const lac_status s = run(kernel, p, t); s != LAC_OK) return lac_status_message(s);
    const Judgement j = judge(p, t);
    if (!(j.error_ratio <= 1)) return "error " + std::to_string(j.error_ratio);
    if (!(j.log_sum_exp_error <= 2e-6))
        return "log-sum-exp error " + std::to_string(j.log_sum_exp_error);
    if (!idle_rows_untouched(p, t)) return "a row past its sequence was written";
    if (!gaps_untouched(p, t)) return "a gap between rows was written";
    return "";
}

TEST(Union, AgreesWithTheOracle) {
    const std::vector<std::string> tiers = runnable_tiers();
    ASSERT_FALSE(tiers.empty());
    EXPECT_TRUE(rc::check("any union, shape, layout and tier", [&] {
        const lac_kernel_entry &entry = any_kernel();
        const std::string tier = *rc::gen::elementOf(tiers);
        const Problem p = any_problem(entry);
        const std::string fault = fault_of(find_kernel(entry, tier), p);
        if (!fault.empty()) RC_FAIL(fault + ": " + tier + " " + p.describe());
    }));
}

// A sequence without queries has no block: the place that its keys had in the workspace, and who
// read there before, was once not waited for. One call in thirty failed so.
TEST(Union, SequencesWithoutQueriesLeaveNoPlaceToTheNextTooEarly) {
    for (const std::string &tier : runnable_tiers()) {
        Problem p;
        p.pattern = "window:22";
        p.batch = 3;
        p.heads = 48;
        p.kv_heads = 3;
        p.q_tokens = 45;
        p.k_tokens = 69;
        p.q_lengths = {23, 0, 8};
        p.k_lengths = {32, 34, 17};
        p.q_starts = {7, 12, 7};
        p.threads = 3;
        for (int i = 0; i < 60; i++)
            ASSERT_EQ(fault_of(find_kernel(general_kernel(), tier), p), "") << tier << " " << i;
    }
}

// Rows of so many keys that partial results are folded again and again before the last.
TEST(Union, LongRowsAgreeWithTheOracle) {
    const char *const patterns[] = {"dense", "strided:2+window:9001", "bidi/every:2+dense"};
    size_t next = 0;
    for (int i = 0; i < lac_bundle_kernel_count(&lac_kernels); i++) {
        const lac_kernel_entry &entry = lac_kernels.kernels[i];
        if (entry.pattern) continue;
        for (const std::string &tier : runnable_tiers()) {
            Problem p;
            p.pattern = patterns[next++ % std::size(patterns)];
            p.heads = 3;
            fit(p, entry);
            p.k_tokens = 12000;
            p.q_tokens = 9;
            EXPECT_EQ(fault_of(find_kernel(entry, tier), p), "") << tier << " " << p.describe();
        }
    }
}

// Kernels with a pattern compiled in meet the same random shapes.
TEST(Union, CompiledPatternsAgreeWithTheOracle) {
    const std::vector<std::string> tiers = runnable_tiers();
    std::vector<int> compiled;
    for (int i = 0; i < lac_bundle_kernel_count(&lac_kernels); i++)
        if (lac_kernels.kernels[i].pattern) compiled.push_back(i);
    EXPECT_TRUE(rc::check("any compiled pattern, shape, layout and tier", [&] {
        const lac_kernel_entry &entry = lac_kernels.kernels[*rc::gen::elementOf(compiled)];
        const std::string tier = *rc::gen::elementOf(tiers);
        Problem p = any_problem(entry);
        char text[256];
        lac_pattern_text(entry.pattern, text, sizeof text);
        p.pattern = text;
        const std::string fault = fault_of(find_kernel(entry, tier), p);
        if (!fault.empty()) RC_FAIL(fault + ": " + tier + " " + p.describe());
    }));
}

}  // namespace
}  // namespace lacuna
