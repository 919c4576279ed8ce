// The generators of packed keys: one per kernel operation. Each ties algorithm, format and schedule
// together. Those of listed keys are in listed.cpp.
#include "generators/kernel.h"
#include "generators/merge.h"
#include "generators/pack.h"
#include "generators/partial.h"

namespace lacuna {

using namespace Halide;

namespace {

class PackQueries : public Kernel<PackQueries> {
public:
    GeneratorParam<int> head_dim{"head_dim", 64};
    Input<Buffer<void, 1>> source{"source"};  // its type, as all of void, is a parameter
    Input<Buffer<int32_t, 1>> offset{"offset"};
    Input<int> rows{"rows"};
    Input<float> scale{"scale"};
    Output<Buffer<float, 2>> packed{"packed"};
    Output<Buffer<uint8_t, 1>> nonfinite{"nonfinite"};

    void generate() {
        auto s = pack_queries(convert().widened(source), offset, source.dim(0).extent(), rows,
                              scale, head_dim);
        packed = s.packed;
        nonfinite = s.nonfinite;
        start_at_zero(source);
        start_at_zero(offset);
        fix(packed, 0, head_dim, 1);
        packed.dim(1).set_min(0).set_stride(head_dim);
        fix(nonfinite, 0, 1, 1);
        tier().schedule->queries(s, tier().tile, tier().format.lanes);
    }
};

class PackKeys : public Kernel<PackKeys> {
public:
    GeneratorParam<int> head_dim{"head_dim", 64};
    GeneratorParam<Type> stored{"stored", Float(32)};  // as `packed` holds them
    Input<Buffer<void, 2>> source{"source"};
    Input<int> keys{"keys"};
    Output<Buffer<void, 3>> packed{"packed"};
    Output<Buffer<uint8_t, 1>> nonfinite{"nonfinite"};

    void generate() {
        const Format &f = tier().format;
        auto s = pack_keys(convert().stored(source, stored), stored, keys, head_dim, f);
        packed = s.packed;
        nonfinite = s.nonfinite;
        fix(source, 0, head_dim, 1);
        source.dim(1).set_min(0);
        fix(packed, 0, f.panel_keys, 1);
        fix(packed, 1, head_dim, f.panel_keys);
        packed.dim(2).set_min(0).set_stride(f.panel_keys * head_dim);
        nonfinite.dim(0).set_min(0);
        tier().schedule->keys(s, tier().tile, f.lanes);
    }
};

class PackValues : public Kernel<PackValues> {
public:
    GeneratorParam<int> value_dim{"value_dim", 64};
    GeneratorParam<Type> stored{"stored", Float(32)};
    Input<Buffer<void, 2>> source{"source"};
    Input<int> keys{"keys"};
    Output<Buffer<void, 4>> packed{"packed"};
    Output<Buffer<uint8_t, 1>> nonfinite{"nonfinite"};

    void generate() {
        const Format &f = tier().format;
        auto s = pack_values(convert().stored(source, stored), stored, keys, value_dim, f);
        packed = s.packed;
        nonfinite = s.nonfinite;
        fix(source, 0, value_dim, 1);
        source.dim(1).set_min(0);
        fix(packed, 0, f.plane, 1);
        fix(packed, 1, f.panel_keys, f.plane);
        packed.dim(2).set_min(0).set_stride(f.panel_keys * f.plane);
        packed.dim(3).set_bounds(0, s.planes);
        nonfinite.dim(0).set_min(0);
        tier().schedule->values(s, tier().tile, f.lanes);
    }
};

class Partial : public Kernel<Partial> {
public:
    GeneratorParam<int> head_dim{"head_dim", 64};
    GeneratorParam<int> value_dim{"value_dim", 64};
    GeneratorParam<std::string> pattern{"pattern", ""};  // empty: mask words
    GeneratorParam<int> rows{"rows", 0};                 // of a tile: the tier's (0) or its few
    Input<Buffer<float, 3>> queries{"queries"};
    Input<Buffer<void, 3>> keys{"keys"};
    Input<Buffer<void, 4>> values{"values"};
    Input<Buffer<int32_t, 2>> panels{"panels"};
    Input<Buffer<int32_t, 1>> tiles{"tiles"};
    Input<Buffer<int32_t, 2>> edges{"edges"};
    Input<int> slots{"slots"};
    Input<int> edge_count{"edge_count"};
    Input<float> softcap{"softcap"};
    Input<bool> careful{"careful"};
    // One buffer says which rows and keys meet: words(row, edge, item), or, with a compiled
    // pattern, positions(row, item) and first_keys(edge, item).
    Input<Buffer<uint32_t, 3>> *words = nullptr;
    Input<Buffer<int32_t, 2>> *positions = nullptr, *first_keys = nullptr;
    Input<int> *key_step = nullptr, *atoms = nullptr, *tokens = nullptr;
    Output<Buffer<float, 3>> out{"out"};

    void configure() {
        if (pattern.value().empty()) {
            words = add_input<Buffer<uint32_t, 3>>("words");
            return;
        }
        positions = add_input<Buffer<int32_t, 2>>("positions");
        first_keys = add_input<Buffer<int32_t, 2>>("first_keys");
        key_step = add_input<int>("key_step");
        atoms = add_input<int>("atoms");
        tokens = add_input<int>("tokens");
    }

    void generate() {
        const Format &f = tier().format;
        const auto panel = [this](const Expr &slot, const Expr &item) {
            return unsafe_promise_clamped(panels(slot, item), 0, keys.dim(2).extent() - 1);
        };
        const Func wide_keys = convert().widened(keys), wide_values = convert().widened(values);
        PartialInputs in;
        in.queries = queries;
        in.tiles = tiles;
        in.edges = edges;
        in.tile_count = queries.dim(2).extent();
        in.key = [=](const Expr &ki, const Expr &d, const Expr &slot, const Expr &item) {
            return wide_keys(ki, d, panel(slot, item));
        };
        in.value = [=](const Expr &x, const Expr &ki, const Expr &slot, const Expr &item,
                       const Expr &plane) { return wide_values(x, ki, panel(slot, item), plane); };
        in.feature = [](const Expr &d, const PlacedFeature &at) { return at(d); };
        in.slots = slots;
        in.edge_count = edge_count;
        in.softcap = softcap;
        in.careful_scores = in.careful_values = careful;
        in.keep = keep_test();
        PartialStages s;
        partial(s, in, head_dim, value_dim, f);
        out = s.out;
        constrain(f);
        tier().schedule->partial(s, tile_of(rows), f.lanes);
    }

private:
    KeepTest keep_test() {
        const int used = tile_of(rows).rows;
        for (auto *b : {&panels, &edges}) start_at_zero(*b);
        start_at_zero(tiles);
        if (words) {
            start_at_zero(*words);
            fix(*words, 0, used, 1);
            words->dim(1).set_stride(tier().tile.rows);
            return keep_by_words(*words);
        }
        start_at_zero(*positions);
        fix(*positions, 0, used, 1);
        start_at_zero(*first_keys);
        lac_pattern parsed;
        if (lac_pattern_parse(pattern.value().c_str(), &parsed, nullptr) != LAC_OK)
            throw std::invalid_argument("bad pattern " + pattern.value());
        return keep_by_pattern(parsed, *positions, *first_keys, *key_step, *atoms, *tokens);
    }

    void constrain(const Format &f) {
        const int used = tile_of(rows).rows, tile_rows = tier().tile.rows;
        fix_queries(queries, used, head_dim);
        fix(keys, 0, f.panel_keys, 1);
        fix(keys, 1, head_dim, f.panel_keys);
        keys.dim(2).set_min(0).set_stride(f.panel_keys * head_dim);
        fix(values, 0, f.plane, 1);
        fix(values, 1, f.panel_keys, f.plane);
        values.dim(2).set_min(0).set_stride(f.panel_keys * f.plane);
        values.dim(3).set_bounds(0, padded_features(value_dim, f) / f.plane);
        fix_parts(out, used, tile_rows, value_dim, f);
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
        const int row = partial_row(value_dim, f), tile_rows = this->tier().tile.rows;
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
        tier().schedule->merge(s, tier().tile, f.lanes);
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
        fix(log_sum_exp, 0, tier().tile.rows, 1);
        tier().schedule->merge(s, tier().tile, f.lanes);
    }
};

}  // namespace

}  // namespace lacuna

HALIDE_REGISTER_GENERATOR(lacuna::PackQueries, pack_queries)
HALIDE_REGISTER_GENERATOR(lacuna::PackKeys, pack_keys)
HALIDE_REGISTER_GENERATOR(lacuna::PackValues, pack_values)
HALIDE_REGISTER_GENERATOR(lacuna::Partial, partial)
HALIDE_REGISTER_GENERATOR(lacuna::Fold, fold)
HALIDE_REGISTER_GENERATOR(lacuna::Merge, merge)
