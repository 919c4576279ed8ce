// The generator of fixed8's partial results. Arguments are those of the other kernels
// (runtime/bundle.h), so that plan and runtime are the same; what they call floats are 32-bit
// integers here.
#include "generators/fixed8.h"
#include "generators/kernel.h"

namespace lacuna {

using namespace Halide;

namespace {

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
    Input<bool> careful{"careful"}, unbiased{"unbiased"};
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
        define_scores(s);
        define_weights(s, scale);
        define_out(s, scale);
        out = s.out;
        constrain(s.rows);
        schedule_fixed8(s, natural_vector_size<int32_t>());
    }

private:
    Expr panel(const Fixed8Partial &s, const Expr &slot) {
        constexpr int kMostPanels = 1 << 24;
        return unsafe_promise_clamped(panels(slot, s.i), 0, kMostPanels);
    }

    void define_scores(Fixed8Partial &s) {
        const Var ki = s.ki, kj = s.kj, r = s.r, i = s.i, l = s.l;
        const RVar &four = s.features.x, &d4 = s.features.y;
        s.score = Func("score");
        s.dot = Func("dot");
        // Of keys plus 128: HVX multiplies u8 by a word of i8 that it need not spread. What a row's
        // scores gain by that is the same for all keys: only its reference feels it.
        s.dot(ki, kj, r, i) = 0;
        s.dot(ki, kj, r, i) += cast<int32_t>(keys(four, ki, d4, panel(s, kj))) *
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
    }

    void define_weights(Fixed8Partial &s, const RowScale &scale) {
        const Var ki = s.ki, kj = s.kj, r = s.r, i = s.i, l = s.l;
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
    }

    void define_out(Fixed8Partial &s, const RowScale &scale) {
        const Var r = s.r, i = s.i, x = s.x, d = s.d;
        s.product = Func("product");
        const int plane = kFixed8Format.plane;
        s.product(x, r, i) = cast<uint32_t>(0);
        s.product(x, r, i) += cast<uint32_t>(s.weight(s.keys.x + 4 * s.keys.y, s.keys.z, r, i)) *
                              cast<uint32_t>(values(s.keys.x + 4 * (x % plane), s.keys.y,
                                                    panel(s, s.keys.z), x / plane));
        const int features = fixed8_features(value_dim);
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

}  // namespace

}  // namespace lacuna

HALIDE_REGISTER_GENERATOR(lacuna::Fixed8PartialKernel, fixed8_partial)
