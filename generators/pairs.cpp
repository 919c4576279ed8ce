#include "generators/pairs.h"

#include <numeric>

#include "generators/numerics.h"

namespace lacuna {

using namespace Halide;

namespace {

// Each lane sums every dot_lanes-th product; then the lanes are added.
void define_score(PairsStages &s, const PairsInputs &in, int head_dim) {
    Expr row = unsafe_promise_clamped(in.rows(s.p), 0, in.query_rows - 1);
    Expr token = unsafe_promise_clamped(in.tokens(s.p), 0, in.token_count - 1);
    s.features = RDom(0, head_dim / s.dot_lanes, "features");
    Expr feature = s.features * s.dot_lanes + s.l;
    s.dot(s.l, s.p) = 0.0f;
    s.dot(s.l, s.p) += in.queries(feature, row) * in.keys(feature, token);
    s.fold = RDom(0, s.dot_lanes, "fold");
    s.score(s.p) = 0.0f;
    s.score(s.p) += s.dot(s.fold, s.p);
    Expr raw = s.score(s.p);
    Expr capped = in.softcap * hyperbolic_tangent(raw / in.softcap);
    s.score(s.p) = select(s.softcap_off || is_nonfinite(raw), raw, capped);
    Expr bounded = unsafe_promise_clamped(in.rows(s.p), 0, in.most_rows - 1);
    Expr distance = cast<int32_t>(abs(in.tokens(s.p) - in.positions(bounded)));
    Expr unbiased_score = s.score(s.p);
    s.score(s.p) = select(s.unbiased, unbiased_score,
                          unbiased_score - in.slopes(bounded) * cast<float>(distance));
}

// All rows at once, in a vector of which a pair changes one lane: a maximum or sum in memory would
// be read right after it was written.
void define_softmax(PairsStages &s, const PairsInputs &in) {
    s.max_pairs = RDom(0, in.pairs, "max_pairs");
    s.row_max(s.r) = kFloor;
    s.row_max(s.r) =
        max(s.row_max(s.r), select(in.rows(s.max_pairs) == s.r, s.score(s.max_pairs), kFloor));
    Expr row = unsafe_promise_clamped(in.rows(s.p), 0, in.most_rows - 1);
    s.weight(s.p) = select_bits(is_nonfinite(s.score(s.p)), kQuietNanBits,
                                exp2_nonpositive(s.score(s.p) - s.row_max(row)));
    s.sum_pairs = RDom(0, in.pairs, "sum_pairs");
    s.row_sum(s.r) = 0.0f;
    s.row_sum(s.r) += select(in.rows(s.sum_pairs) == s.r, s.weight(s.sum_pairs), 0.0f);
}

void define_output(PairsStages &s, const PairsInputs &in) {
    const int padded = padded_features(s.value_dim, s.format);
    s.out(s.d, s.r) =
        select(s.d == padded, s.row_max(s.r), select(s.d == padded + 1, s.row_sum(s.r), 0.0f));
    s.products = RDom(0, s.value_dim, 0, in.pairs, "products");
    RVar d = s.products.x, p = s.products.y;
    Expr row = unsafe_promise_clamped(in.rows(p), 0, s.out.output_buffer().dim(1).extent() - 1);
    Expr token = unsafe_promise_clamped(in.tokens(p), 0, in.token_count - 1);
    s.out(d, row) += s.weight(p) * in.values(d, token);
}

}  // namespace

PairsStages pairs(const PairsInputs &in, int head_dim, int value_dim, const Format &f) {
    PairsStages s;
    s.value_dim = value_dim;
    s.format = f;
    s.rows = in.most_rows;
    // Head sizes that vectors do not divide use shorter ones: nothing past a row is read.
    s.dot_lanes = std::gcd(head_dim, f.lanes);
    s.value_lanes = std::gcd(value_dim, f.lanes);
    s.softcap_off = in.softcap == 0.0f;
    s.unbiased = in.unbiased;
    s.dot = Func("dot");
    s.score = Func("score");
    s.row_max = Func("row_max");
    s.weight = Func("weight");
    s.row_sum = Func("row_sum");
    s.out = Func("out");
    define_score(s, in, head_dim);
    define_softmax(s, in);
    define_output(s, in);
    return s;
}

}  // namespace lacuna
