#include "generators/merge.h"

#include "generators/numerics.h"

namespace lacuna {

using namespace Halide;

namespace {

// Everything up to `folded` and `sum`. earlier(…) counts as item -1.
MergeStages recurrence(const MergeInputs &in, int value_dim, const Format &f) {
    MergeStages s;
    s.value_dim = value_dim;
    s.format = f;
    s.running_max = Func("running_max");
    s.carry = Func("carry");
    s.weight = Func("weight");
    s.sum = Func("sum");
    s.folded = Func("folded");
    const int padded = padded_features(value_dim, f);
    // Nothing was written to rows past the last: numbers left there from elsewhere may be denormal,
    // which took a seventh of a call whose rows have lists of 256 keys each.
    const Expr written = s.r < in.rows;
    const auto part = [&](int column, const Expr &j, float otherwise) {
        return select(written, in.parts(column, s.r, j), otherwise);
    };
    const Expr row = unsafe_promise_clamped(in.state_row(s.r), 0, in.earlier_rows - 1);
    const auto earlier = [&](int column, float otherwise) {
        return select(in.has_earlier, select(written, in.earlier(column, row), otherwise),
                      otherwise);
    };
    s.items_max = RDom(0, in.items, "items_max");
    s.running_max(s.j, s.r) = earlier(padded, kFloor);
    s.running_max(s.items_max + 1, s.r) =
        max(s.running_max(s.items_max, s.r), part(padded, s.items_max, kFloor));
    Expr max_now = s.running_max(s.j + 1, s.r);
    s.carry(s.j, s.r) = exp2_nonpositive(s.running_max(s.j, s.r) - max_now);
    s.weight(s.j, s.r) = exp2_nonpositive(part(padded, s.j, kFloor) - max_now);

    s.items_sum = RDom(0, in.items, "items_sum");
    s.sum(s.r) = earlier(padded + 1, 0.0f);
    s.sum(s.r) = s.sum(s.r) * s.carry(s.items_sum, s.r) +
                 part(padded + 1, s.items_sum, 0.0f) * s.weight(s.items_sum, s.r);
    s.items = RDom(0, in.items, "items");
    s.folded(s.d, s.r) = select(in.has_earlier, in.earlier(s.d, row), 0.0f);
    s.folded(s.d, s.r) = s.folded(s.d, s.r) * s.carry(s.items, s.r) +
                         in.parts(s.d, s.r, s.items) * s.weight(s.items, s.r);
    return s;
}

}  // namespace

MergeStages fold(const MergeInputs &in, const Func &out_row, const Expr &out_rows, int value_dim,
                 const Format &f) {
    MergeStages s = recurrence(in, value_dim, f);
    const int padded = padded_features(value_dim, f);
    s.state = Func("state");
    s.scatter = RDom(0, padded + kStats, 0, in.rows, "scatter");
    RVar d = s.scatter.x, r = s.scatter.y;
    Expr row = unsafe_promise_clamped(out_row(r), 0, out_rows - 1);
    s.state(s.d, s.r) = undef<float>();
    s.state(d, row) = select(likely(d < padded), s.folded(min(d, padded - 1), r),
                             select(d == padded, s.running_max(in.items, r), s.sum(r)));
    return s;
}

MergeStages merge(const MergeInputs &in, const Func &offset, const Expr &extent,
                  const std::function<Expr(const Expr &)> &rounded, int value_dim,
                  const Format &f) {
    MergeStages s = recurrence(in, value_dim, f);
    s.out = Func("out");
    s.log_sum_exp = Func("log_sum_exp");
    s.scatter = RDom(0, value_dim, 0, in.rows, "scatter");
    RVar d = s.scatter.x, r = s.scatter.y;
    Expr start = unsafe_promise_clamped(offset(r), 0, extent - value_dim);
    s.inverse_sum = Func("inverse_sum");
    s.inverse_sum(s.r) = select_bits(is_zero(s.sum(s.r)), 0, 1.0f / s.sum(s.r));
    // The usual case, spelled out: folding one part onto nothing is that part.
    s.one_part = in.items == 1 && !in.has_earlier;
    Expr feature = select(s.one_part, in.parts(d, r, 0), s.folded(d, r));
    Expr result = rounded(feature * s.inverse_sum(r));
    s.out(s.d) = undef(result.type());
    s.out(start + d) = result;

    constexpr float kLn2 = 0.6931471805599453f;
    Expr natural = (s.running_max(in.items, s.r) + log2_positive(s.sum(s.r))) * kLn2;
    natural = select_bits(is_nonfinite(s.sum(s.r)), kQuietNanBits, natural);
    s.log_sum_exp(s.r) = select_bits(is_zero(s.sum(s.r)), kNegativeInfinityBits, natural);
    return s;
}

}  // namespace lacuna
