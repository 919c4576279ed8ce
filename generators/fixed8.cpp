// The numerics of fixed8, once for all targets, and its generators. Arguments are those of the
// other kernels (runtime/bundle.h), so that plan and runtime are the same; what they call floats
// are 32-bit integers here.
#include "generators/fixed8.h"

#include <cmath>

#include "generators/kernel.h"

namespace lacuna {

using namespace Halide;

namespace {

constexpr int kTableSteps = 256, kStepsPerOctave = 32, kMostWeight = 255;
// A sum of weights past this is halved, so that its weighted sum of V stays below 2^31.
constexpr int kMostSum = 1 << 22;

// The last entry is that of all distances beyond: nothing.
Buffer<uint8_t> weight_table() {
    Buffer<uint8_t> table(kTableSteps);
    for (int t = 0; t < kTableSteps; t++)
        table(t) = static_cast<uint8_t>(
            std::lround(kMostWeight * std::exp2(-static_cast<double>(t) / kStepsPerOctave)));
    table(kTableSteps - 1) = 0;
    return table;
}

// Σ c[k] x^(k+1) in 1/32768, by Horner; 0 <= x <= 1.
template <size_t N>
Expr polynomial_q15(const int (&c)[N], const Expr &x) {
    Expr p = c[N - 1];
    for (size_t k = N - 1; k-- > 0;) p = ((p * x) >> 15) + c[k];
    return (p * x) >> 15;
}

Expr rounded_shift(const Expr &x, const Expr &bits) { return (x + ((1 << bits) >> 1)) >> bits; }

int padded(int value_dim) { return padded_features(value_dim, kFixed8Format); }

}  // namespace

RowScale::RowScale(const Expr &word)
    : multiplier(word & 0x7fff), shift((word >> 16) & 31), before((word >> 24) & 31) {}

Expr RowScale::index(const Expr &distance) const {
    Expr near = min(distance >> before, 0x7fff);
    Expr t = min((near * multiplier + ((1 << shift) >> 1)) >> shift, kTableSteps - 1);
    return select(distance >= -kScoreFloor, kTableSteps - 1, t);
}

Expr RowScale::reference(const Expr &score) const {
    // 8 bits of fraction more than an index has; shift is at least 6.
    Expr wide = cast<int64_t>(score) * cast<int64_t>(multiplier) * 4;
    // Differences of references must fit 32 bits, kReferenceFloor's too.
    Expr octaves =
        clamp(wide >> cast<int64_t>(shift + before - 6), -kReferenceMost, kReferenceMost);
    return cast<int32_t>(octaves);
}

Expr scaled_q15(const Expr &a, const Expr &c) {
    return (a >> 15) * c + (((a & 0x7fff) * c + (1 << 14)) >> 15);
}

Expr power_q15(const Expr &x) {
    static const int kTerms[] = {-22711, 7849, -1750, 227};
    Expr fraction = (x & ((1 << kOctaveBits) - 1)) << (15 - kOctaveBits);
    Expr octaves = min(x >> kOctaveBits, 31);
    return ((1 << 15) + polynomial_q15(kTerms, fraction)) >> octaves;
}

namespace {

// Natural log of sum/255 · 2^(reference/8192), in 1/8192.
Expr natural_log(const Expr &reference, const Expr &sum) {
    static const int kTerms[] = {47246, -23222, 13612, -6370, 1503};
    constexpr int kLog2Of255 = 65490;  // in 1/8192
    Expr exponent = 31 - cast<int32_t>(count_leading_zeros(cast<uint32_t>(max(sum, 1))));
    Expr fraction = ((max(sum, 1) << (30 - exponent)) >> 15) - (1 << 15);
    Expr log2 = (exponent << kOctaveBits) + (polynomial_q15(kTerms, fraction) >> 2) - kLog2Of255;
    constexpr int kLn2 = 22713;  // in 1/32768
    return scaled_q15(reference + log2, kLn2);
}

// 2^46 / (sum normalised to 31 bits), in (2^14, 2^15]: Newton's steps from a line, 3 · 4 bits.
Expr inverse_q14(const Expr &normalised) {
    Expr d = normalised >> 15;  // [2^15, 2^16)
    Expr x = 47747 - (d >> 1);  // 2.9142 - 2 d, in 1/16384
    for (int step = 0; step < 3; step++) {
        Expr correction = (1 << 16) - ((d * x) >> 15);
        x = (x * correction + (1 << 14)) >> 15;
    }
    return x;
}

class Fixed8PartialKernel : public Generator<Fixed8PartialKernel> {
public:
    GeneratorParam<std::string> triple{"triple", "host"}, tier{"tier", ""};
    GeneratorParam<int> head_dim{"head_dim", 64}, value_dim{"value_dim", 64}, rows{"rows", 0};
    Input<Buffer<int8_t, 3>> queries{"queries"};  // (d, row, tile); rows are 4·head_dim apart
    Input<Buffer<uint8_t, 4>> keys{"keys"};       // (d % 4, key, d / 4, panel), plus 128
    Input<Buffer<float, 2>> key_scales{"key_scales"};
    // (4·d + key % 4, key / 4, panel, plane), plus 128
    Input<Buffer<uint8_t, 4>> values{"values"};
    Input<Buffer<float, 2>> value_scales{"value_scales"};
    Input<Buffer<int32_t, 2>> panels{"panels"};
    Input<Buffer<int32_t, 1>> tiles{"tiles"};
    Input<Buffer<int32_t, 2>> edges{"edges"};
    Input<int> slots{"slots"}, edge_count{"edge_count"};
    Input<float> softcap{"softcap"};
    Input<bool> careful{"careful"}, biased{"biased"};
    Input<Buffer<int32_t, 1>> scales{"scales"};  // of rows, as RowScale reads them
    Input<Buffer<int32_t, 2>> positions{"positions"}, first_keys{"first_keys"};
    Input<int> key_step{"key_step"};
    Input<Buffer<uint32_t, 3>> words{"words"};
    Output<Buffer<int32_t, 3>> out{"out"};

    void generate() {
        Fixed8Partial s;
        s.value_dim = value_dim;
        s.rows = rows == kFixed8Few.rows ? kFixed8Few.rows : kFixed8Tile.rows;
        const RowScale scale(scales(s.r));
        s.features = RDom(0, 4, 0, (head_dim + 3) / 4, "features");
        s.edge = RDom(0, edge_count, "edge");
        s.slots = RDom(0, slots, "each_slot");
        s.sum_slots = RDom(0, 4, 0, slots, "each_sum_slot");
        s.lanes = RDom(0, kFixed8Format.panel_keys, "each_lane");
        s.sum_lanes = RDom(0, kFixed8Format.panel_keys / 4, "each_sum_lane");
        s.keys = RDom(0, 4, 0, kFixed8Format.panel_keys / 4, 0, slots, "keys_of_slots");
        define(s, scale);
        out = s.out;
        constrain(s.rows);
        schedule_fixed8(s, natural_vector_size<int32_t>());
    }

private:
    void define(Fixed8Partial &s, const RowScale &scale) {
        const Var ki = s.ki, kj = s.kj, r = s.r, i = s.i, x = s.x, d = s.d, l = s.l;
        constexpr int kMostPanels = 1 << 24;
        const auto panel = [&](const Expr &slot) {
            return unsafe_promise_clamped(panels(slot, i), 0, kMostPanels);
        };
        const RVar &four = s.features.x, &d4 = s.features.y;
        s.score = Func("score");
        s.dot = Func("dot");
        // Of keys plus 128: HVX multiplies u8 by a word of i8 that it need not spread. What a row's
        // scores gain by that is the same for all keys: only its reference feels it.
        s.dot(ki, kj, r, i) = 0;
        s.dot(ki, kj, r, i) += cast<int32_t>(keys(four, ki, d4, panel(kj))) *
                               cast<int32_t>(queries(four + 4 * d4, r, 0));
        s.gain = Func("gain");
        RDom all(0, (head_dim + 3) / 4 * 4, "all");
        s.gain(r) = 0;
        s.gain(r) += cast<int32_t>(queries(all, r, 0));
        s.all = all;
        s.score(ki, kj, r, i) = s.dot(ki, kj, r, i);
        Expr slot = unsafe_promise_clamped(edges(s.edge, i), 0, slots - 1);
        // In bits: for HVX, a select makes Halide 21 crash in its trimming of no-op loops.
        Expr bit = (words(r, s.edge, i) >> cast<uint32_t>(ki)) & 1;
        Expr kept = -cast<int32_t>(bit);
        s.score(ki, slot, r, i) = (s.score(ki, slot, r, i) & kept) | (kMaskedScore & ~kept);
        s.lane_max = Func("lane_max");
        s.lane_max(l, r, i) = kScoreFloor;
        s.lane_max(l, r, i) = max(s.lane_max(l, r, i), s.score(l, s.slots, r, i));
        s.row_max = Func("row_max");
        s.row_max(r, i) = kScoreFloor;
        s.row_max(r, i) = max(s.row_max(r, i), s.lane_max(s.lanes, r, i));

        s.weight = Func("weight");
        Buffer<uint8_t> entries = weight_table();
        const Func table(entries);
        Expr index = cast<uint8_t>(scale.index(s.row_max(r, i) - s.score(ki, kj, r, i)));
        s.weight(ki, kj, r, i) = table(cast<int32_t>(index));
        s.lane_sum = Func("lane_sum");
        s.lane_sum(l, r, i) = cast<uint32_t>(0);
        s.lane_sum(l, r, i) +=
            cast<uint32_t>(s.weight(s.sum_slots.x + 4 * l, s.sum_slots.y, r, i)) *
            cast<uint32_t>(cast<uint8_t>(1));
        s.row_sum = Func("row_sum");
        s.row_sum(r, i) = 0;
        s.row_sum(r, i) += cast<int32_t>(s.lane_sum(s.sum_lanes, r, i));

        s.product = Func("product");
        const int plane = kFixed8Format.plane;
        s.product(x, r, i) = cast<uint32_t>(0);
        s.product(x, r, i) += cast<uint32_t>(s.weight(s.keys.x + 4 * s.keys.y, s.keys.z, r, i)) *
                              cast<uint32_t>(values(s.keys.x + 4 * (x % plane), s.keys.y,
                                                    panel(s.keys.z), x / plane));
        const int features = padded(value_dim);
        Expr none = s.row_max(r, i) == kScoreFloor;
        s.reference = Func("reference");
        s.reference(r, i) =
            select(none, kReferenceFloor, scale.reference(s.row_max(r, i) - 128 * s.gain(r)));
        s.attended = Func("attended");
        s.attended(x, r, i) = cast<int32_t>(s.product(x, r, i)) - 128 * s.row_sum(r, i);
        s.out = Func("out");
        s.out(d, r, i) = select(likely(d < features), s.attended(min(d, features - 1), r, i),
                                select(d == features, s.reference(r, i), s.row_sum(r, i)));
    }

    // Strides are constants: the runtime's views are those of floats.
    void constrain(int used) {
        const Format &f = kFixed8Format;
        fix(queries, 0, head_dim, 1);
        fix(queries, 1, used, 4 * head_dim);
        queries.dim(2).set_bounds(0, 1);
        queries.set_host_alignment(4);  // a word is read at once
        const int groups = (head_dim + 3) / 4;
        fix(keys, 0, 4, 1);
        fix(keys, 1, f.panel_keys, 4);
        fix(keys, 2, groups, 4 * f.panel_keys);
        keys.dim(3).set_min(0).set_stride(4 * f.panel_keys * groups);
        fix(values, 0, 4 * f.plane, 1);
        fix(values, 1, f.panel_keys / 4, 4 * f.plane);
        values.dim(2).set_min(0).set_stride(f.panel_keys * f.plane);
        values.dim(3).set_min(0);
        fix(scales, 0, used, 1);
        for (auto *b : {&panels, &edges, &positions, &first_keys}) start_at_zero(*b);
        start_at_zero(tiles);
        start_at_zero(words);
        fix(words, 0, used, 1);
        words.dim(1).set_stride(kFixed8Tile.rows);
        const int row = partial_row(value_dim, f);
        fix(out, 0, row, 1);
        fix(out, 1, used, row);
        out.dim(2).set_min(0).set_stride(row * kFixed8Tile.rows);
    }
};

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
        const int features = padded(value_dim);
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
        const int features = padded(value_dim);
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

HALIDE_REGISTER_GENERATOR(lacuna::Fixed8PartialKernel, fixed8_partial)
HALIDE_REGISTER_GENERATOR(lacuna::Fixed8Fold, fixed8_fold)
HALIDE_REGISTER_GENERATOR(lacuna::Fixed8MergeKernel, fixed8_merge)
