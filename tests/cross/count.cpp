// The calls whose instructions are counted, one thread each: a line "case NAME" on stderr, after
// which count_plugin.c prints its count.
#include <sys/prctl.h>

#include <cstdio>

#include "tests/planned.h"

namespace lacuna {
namespace {

void mark(int on) { prctl(0x4c41434e, on, 0, 0, 0); }

const lac_kernel_entry &compiled_kernel(const std::string &pattern) {
    const lac_pattern wanted = parse(pattern);
    for (int i = 0; i < lac_kernels.kernel_count; i++) {
        const lac_kernel_entry &e = lac_kernels.kernels[i];
        if (e.pattern && e.pattern->atom_count == wanted.atom_count) return e;
    }
    throw std::logic_error("no kernel for " + pattern);
}

void count(const std::string &name, Problem p, const lac_kernel_entry &entry) {
    p.head_dim = entry.head_dim;
    p.value_dim = entry.value_dim;
    if (p.pattern.find("mask") + 1 || p.pattern.find("topk") + 1) give_lists(p, p.kv_heads, false);
    for (const std::string &tier : runnable_tiers()) {
        Tensors t(p);
        Planned planned(find_kernel(entry, tier), p, {});
        const Views views(t);
        planned.call(views);
        std::fprintf(stderr, "case %s %s\n", tier.c_str(), name.c_str());
        mark(1);
        planned.call(views);
        mark(0);
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
}
