// The generators of packed keys: one per kernel operation. Each ties algorithm, format and schedule
// together. Those that pack are in pack_kernels.cpp, those of listed keys in listed.cpp.
#include "generators/kernel.h"
#include "generators/merge.h"
#include "generators/partial.h"

namespace lacuna {

using namespace Halide;

namespace {

class Partial : public Kernel<Partial> {
public:
    GeneratorParam<int> head_dim{"head_dim", 64};
    GeneratorParam<int> value_dim{"value_dim", 64};
    GeneratorParam<std::string> pattern{"pattern", ""};  // empty: mask words
    GeneratorParam<int> rows{"rows", 0};                 // of a tile: the tier's (0) or its few
    GeneratorParam<Type> arithmetic{"arithmetic", Float(32)};  // of products; f16: of f16 K and V
    Input<Buffer<float, 3>> queries{"queries"};
    Input<Buffer<void, 3>> keys{"keys"};
    Input<Buffer<float, 2>> key_scales{"key_scales"};  // of integers, as value_scales; else unread
    Input<Buffer<void, 4>> values{"values"};
    Input<Buffer<float, 2>> value_scales{"value_scales"};
    Input<Buffer<int32_t, 2>> panels{"panels"};
    Input<Buffer<int32_t, 1>> tiles{"tiles"};
    Input<Buffer<int32_t, 2>> edges{"edges"};
    Input<int> slots{"slots"};
    Input<int> edge_count{"edge_count"};
    Input<float> softcap{"softcap"};
    Input<bool> careful{"careful"};
    Input<bool> unbiased{"unbiased"};          // else by ALiBi:
    Input<Buffer<float, 1>> slopes{"slopes"};  // (row)
    // (row, item) and, of lane 0, (slot, item); lanes are key_step apart.
    Input<Buffer<int32_t, 2>> positions{"positions"}, first_keys{"first_keys"};
    Input<int> key_step{"key_step"};
    // Which rows and keys meet: words(row, edge, item), or a compiled pattern.
    Input<Buffer<uint32_t, 3>> *words = nullptr;
    Input<int> *atoms = nullptr, *tokens = nullptr;
    Output<Buffer<float, 3>> out{"out"};

    void configure() {
        if (pattern.value().empty()) {
            words = add_input<Buffer<uint32_t, 3>>("words");
            return;
        }
        atoms = add_input<int>("atoms");
        tokens = add_input<int>("tokens");
    }

    void generate() {
        const Format &f = tier().format;
        const auto panel = [this](const Expr &slot, const Expr &item) {
            return unsafe_promise_clamped(panels(slot, item), 0, keys.dim(2).extent() - 1);
        };
        PartialInputs in;
        in.queries = queries;
        in.tiles = tiles;
        in.edges = edges;
        in.tile_count = queries.dim(2).extent();
        in.halves = arithmetic.value() == Float(16);
        read_keys(in, panel);
        read_values(in, panel);
        in.feature = [](const Expr &d, const PlacedFeature &at) { return at(d); };
        in.slots = slots;
        in.edge_count = edge_count;
        in.softcap = softcap;
        in.careful_scores = in.careful_values = careful;
        in.unbiased = unbiased;
        in.slopes = slopes;
        in.positions = positions;
        in.key_position = [this](const Expr &ki, const Expr &slot, const Expr &item) {
            return first_keys(slot, item) + ki * key_step;
        };
        in.keep = keep_test(in.key_position);
        PartialStages s;
        partial(s, in, head_dim, value_dim, f);
        out = s.out;
        constrain(f);
        tier().schedule->partial(s, tile_of(rows), f.lanes);
    }

private:
    using PanelOf = std::function<Expr(const Expr &slot, const Expr &item)>;
    void read_keys(PartialInputs &in, const PanelOf &panel) {
        if (keys.type() == Int(8)) {
            const int beside = tier().format.key_group;
            in.key_group = [=](const Expr &which, const Expr &ki, const Expr &d, const Expr &slot,
                               const Expr &item) {
                return keys(ki * beside + which, d, panel(slot, item));
            };
            in.key_scale = scale_of(key_scales, panel);
            return;
        }
        in.key_bits = keys.type().bits();
        const Func wide = in.halves ? Func(keys) : convert().widened(keys);
        in.key = [=](const Expr &ki, const Expr &d, const Expr &slot, const Expr &item) {
            return wide(ki, d, panel(slot, item));
        };
    }
    // Keys of V side by side.
    int keys_beside() const { return values.type() == Int(8) ? tier().format.value_group : 1; }
    void read_values(PartialInputs &in, const PanelOf &panel) {
        in.value_bits = values.type().bits();
        if (values.type() == Int(8)) in.value_scale = scale_of(value_scales, panel);
        const int beside = keys_beside();
        if (beside > 1) {
            in.value_group = [=](const Expr &which, const Expr &x, const Expr &group,
                                 const Expr &slot, const Expr &item, const Expr &plane) {
                return values(x * beside + which, group, panel(slot, item), plane);
            };
            return;
        }
        const Func wide = in.halves ? Func(values) : convert().widened(values);
        in.value = [=](const Expr &x, const Expr &ki, const Expr &slot, const Expr &item,
                       const Expr &plane) { return wide(x, ki, panel(slot, item), plane); };
    }
    static ScaleOf scale_of(const Func &scales, const PanelOf &panel) {
        return [=](const Expr &ki, const Expr &slot, const Expr &item) {
            return scales(ki, panel(slot, item));
        };
    }

    KeepTest keep_test(const KeyPosition &key_position) {
        const int used = tile_of(rows).rows;
        for (auto *b : {&panels, &edges, &positions, &first_keys}) start_at_zero(*b);
        start_at_zero(tiles);
        fix(positions, 0, used, 1);
        if (words) {
            start_at_zero(*words);
            fix(*words, 0, used, 1);
            words->dim(1).set_stride(tile_rows());
            return keep_by_words(*words);
        }
        lac_pattern parsed;
        if (lac_pattern_parse(pattern.value().c_str(), &parsed, nullptr) != LAC_OK)
            throw std::invalid_argument("bad pattern " + pattern.value());
        return keep_by_pattern(parsed, positions, key_position, *atoms, *tokens);
    }

    void constrain(const Format &f) {
        const int used = tile_of(rows).rows;
        fix_queries(queries, used, head_dim);
        const bool integers = keys.type() == Int(8);
        const int in_row = integers ? f.key_group * f.panel_keys : f.panel_keys;
        const int key_rows = integers ? feature_groups(head_dim, f) : head_dim.value();
        fix(keys, 0, in_row, 1);
        fix(keys, 1, key_rows, in_row);
        keys.dim(2).set_min(0).set_stride(in_row * key_rows);
        fix(slopes, 0, used, 1);
        for (auto *b : {&key_scales, &value_scales}) {
            fix(*b, 0, f.panel_keys, 1);
            b->dim(1).set_min(0).set_stride(f.panel_keys);
        }
        const int beside = keys_beside();
        fix(values, 0, beside * f.plane, 1);
        fix(values, 1, f.panel_keys / beside, beside * f.plane);
        values.dim(2).set_min(0).set_stride(f.panel_keys * f.plane);
        values.dim(3).set_bounds(0, padded_features(value_dim, f) / f.plane);
        fix_parts(out, used, tile_rows(), value_dim, f);
    }
};

template <class T>
class Merging : public Kernel<T> {
public:
    GeneratorParam<int> value_dim{"value_dim", 64};
    GeneratorInput<Buffer<float, 3>> parts{"parts"};
    GeneratorInput<Buffer<float, 2>> earlier{"earlier"};
    GeneratorInput<Buffer<int32_t, 1>> state_row{"state_row"};
    GeneratorInput<bool> has_earlier{"has_earlier"};
    GeneratorInput<int> items{"items"};
    GeneratorInput<int> rows{"rows"};

protected:
    MergeInputs inputs() {
        const Format &f = this->tier().format;
        const int row = partial_row(value_dim, f), tile_rows = this->tile_rows();
        fix(parts, 0, row, 1);
        fix(parts, 1, tile_rows, row);
        parts.dim(2).set_min(0).set_stride(row * tile_rows);
        fix(earlier, 0, row, 1);
        earlier.dim(1).set_min(0).set_stride(row);
        start_at_zero(state_row);
        return {parts, earlier, state_row, has_earlier, earlier.dim(1).extent(), items, rows};
    }
};

class Fold : public Merging<Fold> {
public:
    Input<Buffer<int32_t, 1>> out_row{"out_row"};
    Input<int> out_rows{"out_rows"};
    Output<Buffer<float, 2>> state{"state"};

    void generate() {
        const Format &f = tier().format;
        auto s = fold(inputs(), out_row, out_rows, value_dim, f);
        state = s.state;
        start_at_zero(out_row);
        fix(state, 0, partial_row(value_dim, f), 1);
        state.dim(1).set_min(0).set_stride(partial_row(value_dim, f));
        tier().schedule->merge(s, merged_tile(), f.lanes);
    }
};

class Merge : public Merging<Merge> {
public:
    GeneratorParam<Type> out_type{"out_type", Float(32)};
    Input<Buffer<int32_t, 1>> offset{"offset"};
    Input<int> extent{"extent"};
    Output<Buffer<void, 1>> out{"out"};
    Output<Buffer<float, 1>> log_sum_exp{"log_sum_exp"};

    void generate() {
        const Format &f = tier().format;
        const auto rounded = [this](const Expr &x) { return convert().narrowed(x, out_type); };
        auto s = merge(inputs(), offset, extent, rounded, value_dim, f);
        out = s.out;
        log_sum_exp = s.log_sum_exp;
        start_at_zero(offset);
        start_at_zero(out);
        fix(log_sum_exp, 0, tile_rows(), 1);
        tier().schedule->merge(s, merged_tile(), f.lanes);
    }
};

}  // namespace

}  // namespace lacuna

HALIDE_REGISTER_GENERATOR(lacuna::Partial, partial)
HALIDE_REGISTER_GENERATOR(lacuna::Fold, fold)
HALIDE_REGISTER_GENERATOR(lacuna::Merge, merge)
