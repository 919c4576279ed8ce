// The router.
#include "schedules/vectors.h"

namespace lacuna::vectors {

using namespace Halide;

// Some vectors of features go down the keys of a block, and are then written feature by feature.
void summarise(SummariseStages &s, const Tile &, int lanes) {
    Var part("part"), feature("feature");
    int vectors = 4;  // enough to hide the latency of a maximum
    while (vectors > 1 && vectors * lanes > s.head_dim) vectors /= 2;
    const int features = vectors * lanes <= s.head_dim ? vectors * lanes : s.head_dim;
    for (Func f : {s.high, s.low})
        f.split(s.d, part, feature, features, TailStrategy::ShiftInwards)
            .reorder(feature, part, s.b)
            .unroll(feature);
    const auto accumulate = [&](Func f, const Func &out) {
        f.compute_at(out, part).bound_extent(s.d, features);
        f.update().reorder(s.d, s.keys);
        if (features % lanes) return;
        f.vectorize(s.d, lanes).unroll(s.d);
        f.update().vectorize(s.d, lanes).unroll(s.d);
    };
    accumulate(s.most, s.high);
    accumulate(s.total, s.high);
    accumulate(s.least, s.low);
    s.high.specialize(s.mean);
}

// The loops of Q·K, with blocks for keys: each register block is some rows by `step` blocks.
void route(RouteStages &s, const Tile &tile, int lanes) {
    Var step("step"), block("block");
    s.out.vectorize(s.b, lanes);
    s.out.update()
        .split(s.b, step, block, s.step)
        .reorder(block, s.rows.x, step, s.rows.y)
        .vectorize(block, lanes)
        .unroll(block)
        .unroll(s.rows.x);
    for (Func f : {s.positive, s.negative}) {
        f.compute_at(s.out, s.rows.y).store_in(MemoryType::Stack);
        if (s.head_dim >= lanes) f.vectorize(s.d, lanes, TailStrategy::ShiftInwards);
    }
    s.score.compute_at(s.out, step).vectorize(s.b, lanes).unroll(s.b).unroll(s.i);
    s.score.update()
        .reorder(s.b, s.i, s.features)
        .vectorize(s.b, lanes)
        .unroll(s.b)
        .unroll(s.i)
        .unroll(s.features, tile.score_unroll);
    s.out.update().specialize(s.mean);
}

}  // namespace lacuna::vectors
