#include "generators/keep.h"

#include <stdexcept>

// attends() in the domain of Halide expressions.
namespace Halide {
// As of Lanes (patterns/domain.h). Where a vector of neighbours is divided by 2, 3 or 4, Halide 21
// takes it apart and puts it together again: dilated:256,4 took a fifth longer so, and every:2 had
// a score more than fits on the stack. It sees no neighbours in abs().
static Expr divides(int64_t step, const Expr &x) {
    const lacuna::Divisor d(step);
    const Expr size = abs(x), twos(d.twos), others(32 - d.twos);  // unsigned
    if (d.twos > 0 && d.inverse == 1) return (size << others) == Expr(uint32_t{0});
    Expr part = size * Expr(d.inverse);
    if (d.twos > 0) part = (part << others) | (part >> twos);
    return part <= Expr(d.most);
}
// Of positions, which are not negative.
static Expr block_of(const Expr &x, int64_t block) {
    return abs(x) / Expr(static_cast<uint32_t>(block));
}
}  // namespace Halide

namespace lacuna {

using namespace Halide;

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
        if (has_dense_order(pattern)) add(kWhole);  // short sequences run in dense order
        return keep;
    };
}

}  // namespace lacuna
