// The generators of keys that are listed one by one.
#include "generators/gather.h"
#include "generators/kernel.h"
#include "generators/pairs.h"

namespace lacuna {

using namespace Halide;

namespace {

// K and V as rows: features side by side, tokens any distance apart.
template <class Buffer>
void fix_rows(Buffer &rows, int features) {
    fix(rows, 0, features, 1);
    rows.dim(1).set_min(0);
}

template <class Buffer>
Func scales_of(const Buffer &elements, const Func &scales) {
    return elements.type() == Int(8) ? scales : Func();
}

class Gather : public Kernel<Gather> {
public:
    GeneratorParam<int> head_dim{"head_dim", 64};
    GeneratorParam<int> value_dim{"value_dim", 64};
    GeneratorParam<int> rows{"rows", 0};  // of a tile: the tier's (0) or its few
    Input<Buffer<float, 3>> queries{"queries"};
    Input<Buffer<void, 2>> keys{"keys"};
    Input<Buffer<float, 1>> key_scales{"key_scales"};  // of integers, as value_scales; else unread
    Input<Buffer<void, 2>> values{"values"};
    Input<Buffer<float, 1>> value_scales{"value_scales"};
    Input<Buffer<int32_t, 3>> tokens{"tokens"};
    Input<Buffer<int32_t, 1>> tiles{"tiles"};
    Input<Buffer<int32_t, 2>> edges{"edges"};
    Input<int> slots{"slots"};
    Input<int> edge_count{"edge_count"};
    Input<float> softcap{"softcap"};
    Input<bool> careful{"careful"};
    Input<bool> unbiased{"unbiased"};                  // else by ALiBi:
    Input<Buffer<float, 1>> slopes{"slopes"};          // (row)
    Input<Buffer<int32_t, 2>> positions{"positions"};  // (row, item)
    Input<Buffer<uint32_t, 3>> words{"words"};
    Output<Buffer<float, 3>> out{"out"};

    void generate() {
        const Format &f = tier().format;
        PartialInputs in;
        in.queries = queries;
        in.tiles = tiles;
        in.edges = edges;
        in.tile_count = queries.dim(2).extent();
        in.slots = slots;
        in.edge_count = edge_count;
        in.softcap = softcap;
        in.unbiased = unbiased;
        in.slopes = slopes;
        in.positions = positions;
        in.keep = keep_by_words(words);
        GatherStages s;
        gather(s,
               {convert().widened(keys), convert().widened(values), scales_of(keys, key_scales),
                scales_of(values, value_scales), tokens, keys.dim(1).extent(), careful,
                tier().schedule->by_squares},
               in, head_dim, value_dim, f);
        out = s.out;
        constrain(f);
        tier().schedule->gather(s, tile_of(rows), f.lanes);
    }

private:
    void constrain(const Format &f) {
        const int used = tile_of(rows).rows;
        fix_queries(queries, used, head_dim);
        fix_rows(keys, head_dim);
        fix_rows(values, value_dim);
        start_at_zero(key_scales);
        start_at_zero(value_scales);
        fix(slopes, 0, used, 1);
        start_at_zero(positions);
        fix(positions, 0, used, 1);
        fix(tokens, 0, f.panel_keys, 1);
        tokens.dim(1).set_min(0).set_stride(f.panel_keys);
        tokens.dim(2).set_min(0).set_stride(f.panel_keys * f.chunk);
        start_at_zero(tiles);
        start_at_zero(edges);
        start_at_zero(words);
        fix(words, 0, used, 1);
        words.dim(1).set_stride(tile_rows());
        fix_parts(out, used, tile_rows(), value_dim, f);
    }
};

class Pairs : public Kernel<Pairs> {
public:
    GeneratorParam<int> head_dim{"head_dim", 64};
    GeneratorParam<int> value_dim{"value_dim", 64};
    Input<Buffer<float, 2>> queries{"queries"};
    Input<Buffer<void, 2>> keys{"keys"};
    Input<Buffer<float, 1>> key_scales{"key_scales"};  // of integers, as value_scales; else unread
    Input<Buffer<void, 2>> values{"values"};
    Input<Buffer<float, 1>> value_scales{"value_scales"};
    Input<Buffer<int32_t, 1>> starts{"starts"};
    Input<Buffer<int32_t, 1>> tokens{"tokens"};
    Input<int> count{"pairs"};
    Input<float> softcap{"softcap"};
    Input<bool> unbiased{"unbiased"};          // else by ALiBi:
    Input<Buffer<float, 1>> slopes{"slopes"};  // (row), as positions
    Input<Buffer<int32_t, 1>> positions{"positions"};
    Output<Buffer<float, 2>> out{"out"};

    void generate() {
        const Format &f = tier().format;
        PairsInputs in;
        in.queries = queries;
        in.keys = convert().widened_rows(keys, key_scales);
        in.values = convert().widened_rows(values, value_scales);
        in.starts = starts;
        in.tokens = tokens;
        in.pairs = count;
        in.softcap = softcap;
        in.unbiased = unbiased;
        in.slopes = slopes;
        in.positions = positions;
        in.token_count = keys.dim(1).extent();
        PairsStages s = pairs(in, head_dim, value_dim, f);
        out = s.out;
        fix_rows(queries, head_dim);
        fix_rows(keys, head_dim);
        fix_rows(values, value_dim);
        start_at_zero(key_scales);
        start_at_zero(value_scales);
        start_at_zero(slopes);
        start_at_zero(positions);
        start_at_zero(starts);
        start_at_zero(tokens);
        fix(out, 0, padded_features(value_dim, f) + f.lanes, 1);
        out.dim(1).set_min(0);
        tier().schedule->pairs(s, tier().tile, f.lanes);
    }
};

}  // namespace

}  // namespace lacuna

HALIDE_REGISTER_GENERATOR(lacuna::Gather, gather)
HALIDE_REGISTER_GENERATOR(lacuna::Pairs, pairs)
