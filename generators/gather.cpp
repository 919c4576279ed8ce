#include "generators/gather.h"

#include <numeric>

#include "generators/numerics.h"

namespace lacuna {

using namespace Halide;

namespace {

// V rows end where the caller's memory may end. A plane's vector that would reach past the last
// feature is read so far to the left that it ends with it, and `feature_of` moves it back: once a
// row, instead of a clamp for every key. A V narrower than a vector is read feature by feature.
Expr feature_read(const Expr &place, int value_dim, int lanes) {
    if (value_dim < lanes) return min(place, value_dim - 1);
    return min(place / lanes * lanes, value_dim - lanes) + place % lanes;
}

FeatureOf feature_of(int value_dim, const Format &f) {
    const int padded = padded_features(value_dim, f);
    if (value_dim == padded) return [](const Expr &d, const PlacedFeature &at) { return at(d); };
    return [=](const Expr &d, const PlacedFeature &at) {
        Expr place = d;
        if (value_dim > f.lanes)
            place = min(d + max(0, d / f.lanes * f.lanes - (value_dim - f.lanes)), padded - 1);
        return select_bits(d >= value_dim, 0, at(place));
    };
}

}  // namespace

void gather(GatherStages &s, const GatherInputs &lists, PartialInputs in, int head_dim,
            int value_dim, const Format &f) {
    const auto token = [=](const Expr &ki, const Expr &slot, const Expr &item) {
        return unsafe_promise_clamped(lists.tokens(ki, slot, item), 0, lists.token_count - 1);
    };
    s.key_lanes = std::gcd(head_dim, f.lanes);
    const auto row = [&](const Expr &d, const Expr &ki) {
        return lists.keys(d, token(ki, s.kj, s.i));
    };
    s.transposition.side =
        lists.by_squares ? square_side(lists.keys.type().bits(), head_dim, f) : 0;
    const Func panels("panels");
    panels(s.ki, s.d, s.kj, s.i) = transpose(s.transposition, s.ki, s.d, {s.kj, s.i}, row);
    s.panels = panels;
    in.key = [=](const Expr &ki, const Expr &d, const Expr &slot, const Expr &item) {
        return panels(ki, d, slot, item);
    };
    in.key_position = token;
    const auto scale_of = [=](const Func &scales) -> ScaleOf {
        if (!scales.defined()) return {};
        return [=](const Expr &ki, const Expr &slot, const Expr &item) {
            return scales(token(ki, slot, item));
        };
    };
    in.key_scale = scale_of(lists.key_scales);
    in.value_scale = scale_of(lists.value_scales);
    in.value = [=](const Expr &x, const Expr &ki, const Expr &slot, const Expr &item,
                   const Expr &plane) {
        Expr place = plane * f.plane + x;
        Expr value = lists.values(feature_read(place, value_dim, f.lanes), token(ki, slot, item));
        if (padded_features(value_dim, f) - value_dim < f.lanes) return value;
        // A vector past the last feature would be the last one again and share its products, and
        // what is shared is not fused with the addition: other last bits.
        Expr first = value_dim < f.lanes ? place : place / f.lanes * f.lanes;
        return select(first < value_dim, value, 0.0f);
    };
    in.feature = feature_of(value_dim, f);
    in.careful_scores = Internal::const_true();
    in.careful_values = lists.careful;
    partial(s, in, head_dim, value_dim, f);
}

}  // namespace lacuna
