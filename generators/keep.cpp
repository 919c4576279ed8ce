#include "generators/keep.h"

#include <stdexcept>

// attends() in the domain of Halide expressions.
namespace Halide {
static Expr divides(int64_t step, const Expr &x) { return x % Expr(static_cast<int>(step)) == 0; }
static Expr block_of(const Expr &x, int64_t block) { return x / Expr(static_cast<int>(block)); }
}  // namespace Halide

namespace lacuna {

using namespace Halide;

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
        Expr keep = owned<Expr>(pattern, 0, 0, q, k, tokens);
        for (uint32_t s = 1; s < pattern.atom_count; s++)
            keep = select(segment == static_cast<int>(s), owned<Expr>(pattern, s, 0, q, k, tokens),
                          keep);
        return keep;
    };
}

}  // namespace lacuna
