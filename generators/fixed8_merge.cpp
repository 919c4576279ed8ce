// The generators that fold and merge fixed8's partial results; arguments as in fixed8.cpp.
#include "generators/fixed8.h"
#include "generators/kernel.h"

namespace lacuna {

using namespace Halide;

namespace {

// A sum of weights past this is halved, so that its weighted sum of V stays below 2^31.
constexpr int kMostSum = 1 << 22;

template <class T>
class Fixed8Merging : public Generator<T> {
public:
    GeneratorParam<std::string> triple{"triple", "host"}, tier{"tier", ""};
    GeneratorParam<int> value_dim{"value_dim", 64};
    GeneratorInput<Buffer<int32_t, 3>> parts{"parts"};
    GeneratorInput<Buffer<int32_t, 2>> earlier{"earlier"};
    GeneratorInput<Buffer<int32_t, 1>> state_row{"state_row"};
    GeneratorInput<bool> has_earlier{"has_earlier"};
    GeneratorInput<int> items{"items"}, rows{"rows"};

protected:
    // reference(j, r): before item j, with the sum of weights so far.
    Fixed8Merge recurrence() {
        Fixed8Merge s;
        s.value_dim = value_dim;
        const Var j = s.j, r = s.r, d = s.d;
        const int features = fixed8_features(value_dim);
        Expr row = unsafe_promise_clamped(state_row(r), 0, 1 << 24);
        const auto before = [&](const Expr &column, int otherwise) {
            return select(has_earlier, earlier(column, row), otherwise);
        };
        s.reference = Func("reference");
        s.items = RDom(0, items, "items");
        RVar n = s.items;
        s.reference(j, r) = Tuple(before(features, kReferenceFloor), before(features + 1, 0), 0);
        Expr old = s.reference(n, r)[0], part = parts(features, r, n);
        Expr most = max(old, part);
        Expr sum = scaled_q15(s.reference(n, r)[1], power_q15(most - old)) +
                   scaled_q15(parts(features + 1, r, n), power_q15(most - part));
        Expr half = cast<int32_t>(sum >= kMostSum);
        s.reference(n + 1, r) = Tuple(most + (half << kOctaveBits), rounded_shift(sum, half), half);

        s.carry = Func("carry");
        s.weight = Func("weight");
        Expr now = s.reference(j + 1, r)[0] - (s.reference(j + 1, r)[2] << kOctaveBits);
        s.carry(j, r) = power_q15(now - s.reference(j, r)[0]);
        s.weight(j, r) = power_q15(now - parts(features, r, j));
        s.folded = Func("folded");
        s.folded(d, r) = before(d, 0);
        s.folded(d, r) = rounded_shift(
            scaled_q15(s.folded(d, r), s.carry(n, r)) + scaled_q15(parts(d, r, n), s.weight(n, r)),
            s.reference(n + 1, r)[2]);
        const Format &f = kFixed8Format;
        const int stride = partial_row(value_dim, f);
        fix(parts, 0, stride, 1);
        fix(parts, 1, kFixed8Tile.rows, stride);
        parts.dim(2).set_min(0).set_stride(stride * kFixed8Tile.rows);
        fix(earlier, 0, stride, 1);
        earlier.dim(1).set_min(0).set_stride(stride);
        state_row.dim(0).set_min(0);
        return s;
    }
};

class Fixed8Fold : public Fixed8Merging<Fixed8Fold> {
public:
    Input<Buffer<int32_t, 1>> out_row{"out_row"};
    Input<int> out_rows{"out_rows"};
    Output<Buffer<int32_t, 2>> state{"state"};

    void generate() {
        Fixed8Merge s = recurrence();
        const int features = fixed8_features(value_dim);
        s.scatter = RDom(0, features + 2, 0, rows, "scatter");
        RVar d = s.scatter.x, r = s.scatter.y;
        Expr row = unsafe_promise_clamped(out_row(r), 0, out_rows - 1);
        s.result = Func("state");
        s.result(s.d, s.r) = undef<int32_t>();
        s.result(d, row) =
            select(d < features, s.folded(min(d, features - 1), r),
                   select(d == features, s.reference(items, r)[0], s.reference(items, r)[1]));
        state = s.result;
        out_row.dim(0).set_min(0);
        fix(state, 0, partial_row(value_dim, kFixed8Format), 1);
        state.dim(1).set_min(0).set_stride(partial_row(value_dim, kFixed8Format));
        schedule_fixed8(s, natural_vector_size<int32_t>());
    }
};

class Fixed8MergeKernel : public Fixed8Merging<Fixed8MergeKernel> {
public:
    Input<Buffer<int32_t, 1>> offset{"offset"};
    Input<int> extent{"extent"};
    Output<Buffer<int16_t, 1>> out{"out"};
    Output<Buffer<float, 1>> log_sum_exp{"log_sum_exp"};

    void generate() {
        Fixed8Merge s = recurrence();
        s.scatter = RDom(0, value_dim, 0, rows, "scatter");
        RVar d = s.scatter.x, r = s.scatter.y;
        Expr start = unsafe_promise_clamped(offset(r), 0, extent - value_dim);
        Expr sum = s.reference(items, s.r)[1];
        Expr zeros = cast<int32_t>(count_leading_zeros(cast<uint32_t>(max(sum, 1)))) - 1;
        s.inverse = Func("inverse");
        // The heaviest key has 255, so a sum is 2^7 or more unless it is 0.
        s.inverse(s.r) =
            Tuple(select(sum == 0, 0, inverse_q14(max(sum, 1) << zeros)), max(30 - zeros - 7, 0));
        // The usual case, spelled out: folding one part onto nothing is that part.
        s.one_part = items == 1 && !has_earlier;
        Expr feature = select(s.one_part, parts(d, r, 0), s.folded(d, r));
        Expr x = rounded_shift(scaled_q15(feature, s.inverse(r)[0]), s.inverse(r)[1]);
        s.result = Func("out");
        s.result(s.d) = undef<int16_t>();
        s.result(start + d) = cast<int16_t>(x);
        out = s.result;
        s.log_sum_exp = Func("log_sum_exp");
        Expr natural = natural_log(s.reference(items, s.r)[0], sum);
        // An integer below 2^24 and a power of two: exact, and -inf by its bits.
        s.log_sum_exp(s.r) = reinterpret<float>(
            select(sum == 0, static_cast<int32_t>(0xff800000),
                   reinterpret<int32_t>(cast<float>(natural) * (1.0f / (1 << kOctaveBits)))));
        log_sum_exp = s.log_sum_exp;
        offset.dim(0).set_min(0);
        out.dim(0).set_min(0);
        fix(log_sum_exp, 0, kFixed8Tile.rows, 1);
        schedule_fixed8(s, natural_vector_size<int32_t>());
    }
};

}  // namespace

}  // namespace lacuna

HALIDE_REGISTER_GENERATOR(lacuna::Fixed8Fold, fixed8_fold)
HALIDE_REGISTER_GENERATOR(lacuna::Fixed8MergeKernel, fixed8_merge)
