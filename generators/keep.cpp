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
    return [=](const Var &ki, const Var &r, const Expr &edge, const Expr &, const Var &item) {
        Expr bit = cast<uint32_t>(1) << cast<uint32_t>(ki);
        return (words(r, edge, item) & bit) != 0;
    };
}

KeepTest keep_by_pattern(const lac_pattern &pattern, const Func &positions,
                         const KeyPosition &key_position, const Expr &atoms, const Expr &tokens) {
    if (!compiles(pattern)) throw std::invalid_argument("a pattern that takes mask words alone");
    return [=](const Var &ki, const Var &r, const Expr &, const Expr &slot, const Var &item) {
        Expr q = positions(r, item);
        Expr k = key_position(ki, slot, item);
        const Sequence in;
        const Pair<Expr> pair{0, q, k, tokens, in};
        const Owners all = owners_of(pattern);
        Expr keep = owned<Expr>(pattern, all.owner[0], pair);
        const auto add = [&](const Owner &owner) {
            keep = select(atoms == static_cast<int>(owner.atoms), owned<Expr>(pattern, owner, pair),
                          keep);
        };
        for (int i = 1; i < all.count; i++) add(all.owner[i]);
        if (has_classes(pattern)) add(kWhole);  // short sequences run in dense order
        return keep;
    };
}

}  // namespace lacuna
