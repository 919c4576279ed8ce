// The calls whose instructions are counted, one thread each: a line "case NAME" on stderr, after
// which count_plugin.c prints its count.
#include <sys/prctl.h>

#include <algorithm>
#include <cstdio>

#include "tests/cached.h"

namespace lacuna {
namespace {

void mark(int on) { prctl(0x4c41434e, on, 0, 0, 0); }

bool has_kernel(lac_type arithmetic) {
    for (int i = 0; i < lac_kernels.kernel_count; i++)
        if (lac_kernels.kernels[i].arithmetic == arithmetic) return true;
    return false;
}

const lac_kernel_entry &compiled_kernel(const std::string &pattern) {
    const lac_pattern wanted = parse(pattern);
    for (int i = 0; i < lac_kernels.kernel_count; i++) {
        const lac_kernel_entry &e = lac_kernels.kernels[i];
        if (e.pattern && e.pattern->atom_count == wanted.atom_count) return e;
    }
    throw std::logic_error("no kernel for " + pattern);
}

// The kernel on each tier, least first, but for those that run the code of a lesser one, or compute
// in another type than the kernel's.
std::vector<lac_kernel> distinct(const lac_kernel_entry &entry) {
    std::vector<lac_kernel> kernels;
    const std::vector<std::string> tiers = runnable_tiers();
    for (size_t i = tiers.size(); i-- > 0;) {
        const lac_kernel k = find_kernel(entry, tiers[i]);
        const auto same = [&](const lac_kernel &other) {
            return other.variant->partial_words == k.variant->partial_words &&
                   other.variant->partial_pattern == k.variant->partial_pattern;
        };
        if (k.variant->arithmetic != entry.arithmetic) continue;
        if (std::none_of(kernels.begin(), kernels.end(), same)) kernels.push_back(k);
    }
    return kernels;
}

template <class Call>
void count_call(const lac_kernel &kernel, const std::string &name, const Call &call) {
    call();
    std::fprintf(stderr, "case %s %s\n", kernel.variant->tier, name.c_str());
    mark(1);
    call();
    mark(0);
}

void count(const std::string &name, Problem p, const lac_kernel_entry &entry) {
    fit(p, entry);
    if (p.pattern.find("mask") + 1 || p.pattern.find("topk") + 1) give_lists(p, p.kv_heads, false);
    for (const lac_kernel &kernel : distinct(entry)) {
        Tensors t(p);
        Planned planned(kernel, p, {});
        const Views views(t);
        count_call(kernel, name, [&] { planned.call(views); });
    }
}

// One query of a sequence whose keys a cache holds, by a plan that serves all layers.
void count_step(const std::string &name, Problem p) {
    p.q_tokens = p.k_tokens;
    for (const lac_kernel &kernel : distinct(general_kernel(p))) {
        Tensors t(p);
        Cached cache(kernel, p.pattern, options_of(p, p.k_tokens, 0));
        lac::check(cache.append(t, 0, p.k_tokens));
        const lac_cache *caches[] = {cache.get()};
        const int32_t queries[] = {1};
        lac_step step{sizeof(lac_step), 1, caches, queries, nullptr, nullptr, nullptr};
        lac_shape shape{};
        int32_t k_lengths[1];
        lac::check(lac_step_shape(&step, 1, k_lengths, &shape));
        const lac_pattern pattern = parse(p.pattern);
        size_t bytes = 0;
        lac::check(lac_plan_bytes(&kernel, &pattern, &shape, &bytes));
        const lac::Memory plan(bytes);
        lac::check(lac_plan_init(&kernel, &pattern, &shape, plan.data(), bytes, &step.plan));
        const lac::Memory workspace(lac_step_plan_bytes(step.plan, 1));
        const lac_tensor q = tokens_of(t.q.view(), 0, p.q_tokens - 1, 1);
        const lac_tensor out = tokens_of(t.out.view(), 0, p.q_tokens - 1, 1);
        count_call(kernel, name, [&] {
            lac::check(
                lac_step_attend(&step, &q, &out, nullptr, workspace.data(), workspace.bytes()));
        });
    }
}

Problem problem(const char *pattern, int heads, int kv_heads, int q_tokens, int k_tokens) {
    Problem p;
    p.pattern = pattern;
    p.heads = heads;
    p.kv_heads = kv_heads;
    p.q_tokens = q_tokens;
    p.k_tokens = k_tokens;
    return p;
}

// K and V of f16, at head size 128 a step, at 64 a prefill.
void count_halves(const std::string &what, lac_type arithmetic) {
    Problem step = problem("dense", 8, 8, 1, 2048);
    Problem prefill = problem("window:64", 2, 2, 512, 512);
    for (Problem *p : {&step, &prefill}) {
        p->key_type = p->value_type = LAC_F16;
        p->arithmetic = arithmetic;
    }
    step.head_dim = step.value_dim = 128;
    Problem few = step, window = step;
    few.kv_heads = 2;
    window.pattern = "window:256";
    count_step("dense step, " + what + ", D=128", step);
    count_step("dense step, " + what + ", D=128, on 2 KV heads", few);
    count_step("window:256 step, " + what + ", D=128", window);
    count("window:64 prefill, " + what + ", 2 heads", prefill, general_kernel(prefill));
}

void count_integers() {
    Problem step = problem("dense", 8, 8, 1, 2048);
    Problem prefill = problem("window:64", 2, 2, 512, 512);
    for (Problem *p : {&step, &prefill}) p->key_type = p->value_type = LAC_I8;
    count_step("dense step, int8 keys", step);
    step.kv_heads = 2;
    count_step("dense step, int8 keys, on 2 KV heads", step);
    count("window:64 prefill, int8 keys, 2 heads", prefill, general_kernel(prefill));
}

}  // namespace
}  // namespace lacuna

int main() {
    using namespace lacuna;
    const char *mixed = "window:40+every:7+sink:4";
    count("dense prefill", problem("dense", 4, 2, 512, 512), general_kernel());
    count("window:64 prefill", problem("window:64", 4, 2, 512, 512), general_kernel());
    count("window:40+every:7+sink:4 prefill", problem(mixed, 4, 2, 512, 512), general_kernel());
    count("the same compiled in", problem(mixed, 4, 2, 512, 512), compiled_kernel(mixed));
    count("dense decode", problem("dense", 8, 2, 1, 2048), general_kernel());
    count("dense decode, one head", problem("dense", 1, 1, 1, 2048), general_kernel());
    count("topk:40 prefill", problem("topk:40", 4, 2, 128, 512), general_kernel());
    count("topk:40,tile=16 prefill", problem("topk:40,tile=16", 4, 2, 128, 512), general_kernel());
    count("mask:pairs prefill", problem("bidi/mask:pairs", 4, 2, 128, 512), general_kernel());
    if (!has_kernel(LAC_F16)) return 0;  // of arm-64 alone
    count_halves("f16 keys", LAC_F32);
    count_halves("f16 arithmetic", LAC_F16);
    count_integers();
}
