#include "generators/keep.h"

#include <stdexcept>

// attends() in the domain of Halide expressions.
namespace Halide {
static Expr divides(int64_t step, const Expr &x) { return x % Expr(static_cast<int>(step)) == 0; }
static Expr block_of(const Expr &x, int64_t block) { return x / Expr(static_cast<int>(block)); }
}  // namespace Halide

namespace lacuna {

using namespace Halide;

namespace {
bool has_classes(const lac_pattern &p) {
    for (uint32_t i = 0; i < p.atom_count; i++)
        if (segment_of(p.atom[i]).row_stride > 1) return true;
    return false;
}
}  // namespace

KeepTest keep_by_words(const Func &words) {
    return [=](const Var &ki, const Var &r, const Expr &edge, const Var &item) {
        Expr bit = cast<uint32_t>(1) << cast<uint32_t>(ki);
        return (words(r, edge, item) & bit) != 0;
    };
}

KeepTest keep_by_pattern(const lac_pattern &pattern, const Func &positions, const Func &first_keys,
                         const Expr &key_step, const Expr &segment, const Expr &tokens) {
    if (!compiles(pattern)) throw std::invalid_argument("a pattern that takes mask words alone");
    return [=](const Var &ki, const Var &r, const Expr &edge, const Var &item) {
        Expr q = positions(r, item);
        Expr k = first_keys(edge, item) + ki * key_step;
        const Sequence in;
        const Pair<Expr> pair{0, q, k, tokens, in};
        Expr keep = owned<Expr>(pattern, 0, pair);
        for (uint32_t s = 1; s < pattern.atom_count; s++)
            keep = select(segment == static_cast<int>(s), owned<Expr>(pattern, s, pair), keep);
        if (!has_classes(pattern)) return keep;  // else short sequences run in dense order
        return select(segment == static_cast<int>(kWhole), owned<Expr>(pattern, kWhole, pair),
                      keep);
    };
}

}  // namespace lacuna
