#include "generators/transpose.h"

#include <algorithm>

namespace lacuna {

using namespace Halide;

int square_side(int bits, int features, const Format &f) {
    constexpr int kLeast = 8;  // below, LLVM does as well by itself
    if (bits < 16) return 0;   // panels are shorter than such a vector
    const int side = std::min(f.panel_keys, f.lanes * 32 / bits);
    return side >= kLeast && features % side == 0 && f.panel_keys % side == 0 ? side : 0;
}

Expr transpose(Transposition &t, const Var &ki, const Var &d, const std::vector<Var> &rest,
               const std::function<Expr(const Expr &d, const Expr &ki)> &row) {
    if (t.side == 0) return row(d, ki);
    const int side = t.side, half = side / 2;
    std::vector<Expr> square{t.keys, t.features};
    square.insert(square.end(), rest.begin(), rest.end());
    const auto with = [](std::vector<Expr> place, const std::vector<Expr> &others) {
        place.insert(place.end(), others.begin(), others.end());
        return place;
    };
    std::vector<Var> args{t.parity, t.lane, t.pair, t.keys, t.features};
    args.insert(args.end(), rest.begin(), rest.end());

    // Place lane + side · pair of the half that `parity` names.
    Expr element = row(t.features * side + t.lane, t.keys * side + t.parity * half + t.pair);
    for (int turned = 1; turned < side; turned *= 2) {
        Func shuffle("shuffle");
        shuffle(args) = element;
        t.shuffles.push_back(shuffle);
        element = shuffle(
            with({t.lane % 2, t.lane / 2 + t.pair % 2 * half, t.pair / 2 + t.parity * (half / 2)},
                 square));
    }
    square[0] = ki / side;
    square[1] = d / side;
    return t.shuffles.back()(with({ki % 2, ki % side / 2 + d % 2 * half, d % side / 2}, square));
}

}  // namespace lacuna
