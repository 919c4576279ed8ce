#include "generators/pairs.h"

#include <numeric>

#include "generators/numerics.h"

namespace lacuna {

using namespace Halide;

namespace {

constexpr int kDots = 4;  // whose lanes are added together

// The pairs of row s.r: s.i counts them.
struct RowPairs {
    Expr first, count;
    const PairsInputs &in;

    RowPairs(const PairsStages &s, const PairsInputs &inputs)
        : first(inputs.starts(s.r)), count(inputs.starts(s.r + 1) - first), in(inputs) {}
    Expr token(const Expr &i) const {
        Expr place = unsafe_promise_clamped(first + i, 0, in.pairs - 1);
        return unsafe_promise_clamped(in.tokens(place), 0, in.token_count - 1);
    }
    // The last lanes of a vector are of no pair: they repeat the row's last one.
    Expr token_of_lane(const Expr &i) const { return token(min(i, count - 1)); }
};

// Each lane sums every dot_lanes-th product; then the lanes are added.
void define_score(PairsStages &s, const PairsInputs &in, const RowPairs &row, int head_dim) {
    s.features = RDom(0, head_dim / s.dot_lanes, "features");
    Expr feature = s.features * s.dot_lanes + s.l;
    s.dot(s.l, s.i, s.r) = 0.0f;
    s.dot(s.l, s.i, s.r) += in.queries(feature, s.r) * in.keys(feature, row.token_of_lane(s.i));
    s.fold = RDom(0, s.dot_lanes, 0, kDots, 0, (in.pairs + kDots - 1) / kDots, "fold");
    s.fold.where(s.fold.z * kDots < row.count);
    Expr summed = s.fold.z * kDots + s.fold.y;
    s.score(s.i, s.r) = 0.0f;
    s.score(summed, s.r) += s.dot(s.fold.x, summed, s.r);
    Expr i = s.each.y * s.format.lanes + s.each.x, raw = s.score(i, s.r);
    Expr capped = in.softcap * hyperbolic_tangent(raw / in.softcap);
    s.score(i, s.r) = select(s.softcap_off || is_nonfinite(raw), raw, capped);
    Expr distance = cast<int32_t>(abs(row.token_of_lane(i) - in.positions(s.r)));
    s.score(i, s.r) = select(s.unbiased, raw, raw - in.slopes(s.r) * cast<float>(distance));
}

// A maximum and a sum a lane, of every lanes-th pair; then the lanes'.
void define_softmax(PairsStages &s, const RowPairs &row) {
    const int lanes = s.format.lanes;
    s.fold_lanes = RDom(0, lanes, "fold_lanes");
    Expr i = s.each.y * lanes + s.each.x;
    Expr is_pair = i < row.count;
    s.lane_max(s.l, s.r) = kFloor;
    s.lane_max(s.each.x, s.r) =
        max(s.lane_max(s.each.x, s.r), select(is_pair, s.score(i, s.r), kFloor));
    s.row_max(s.r) = kFloor;
    s.row_max(s.r) = max(s.row_max(s.r), s.lane_max(s.fold_lanes, s.r));
    s.weight(s.i, s.r) = undef<float>();
    s.weight(i, s.r) = select_bits(is_nonfinite(s.score(i, s.r)), kQuietNanBits,
                                   exp2_nonpositive(s.score(i, s.r) - s.row_max(s.r)));
    s.lane_sum(s.l, s.r) = 0.0f;
    s.lane_sum(s.each.x, s.r) += select(is_pair, s.weight(i, s.r), 0.0f);
    s.row_sum(s.r) = 0.0f;
    s.row_sum(s.r) += s.lane_sum(s.fold_lanes, s.r);
}

void define_output(PairsStages &s, const PairsInputs &in, const RowPairs &row) {
    const int padded = padded_features(s.value_dim, s.format);
    s.products = RDom(0, s.value_dim, 0, in.pairs, "products");
    s.products.where(s.products.y < row.count);
    s.attended(s.d, s.r) = 0.0f;
    s.attended(s.products.x, s.r) +=
        s.weight(s.products.y, s.r) * in.values(s.products.x, row.token(s.products.y));
    s.out(s.d, s.r) = select(s.d == padded, s.row_max(s.r), s.d == padded + 1, s.row_sum(s.r),
                             s.attended(s.d, s.r));
}

}  // namespace

PairsStages pairs(const PairsInputs &in, int head_dim, int value_dim, const Format &f) {
    PairsStages s;
    s.value_dim = value_dim;
    s.format = f;
    // Head sizes that vectors do not divide use shorter ones: nothing past a row is read.
    s.dot_lanes = std::gcd(head_dim, f.lanes);
    s.value_lanes = std::gcd(value_dim, f.lanes);
    s.softcap_off = in.softcap == 0.0f;
    s.unbiased = in.unbiased;
    const RowPairs row(s, in);
    s.each = RDom(0, f.lanes, 0, (in.pairs + f.lanes - 1) / f.lanes, "each");
    s.each.where(s.each.y * f.lanes < row.count);
    define_score(s, in, row, head_dim);
    define_softmax(s, row);
    define_output(s, in, row);
    return s;
}

}  // namespace lacuna
