// The schedule for a target nobody has tuned: one loop nest a stage, nothing vectorised, scratch
// bounded as everywhere.
#include "schedules/schedule.h"

namespace lacuna {

using namespace Halide;

namespace {

void queries(PackQueriesStages &s, const Tile &, int) {
    s.packed.compute_root();
    s.magnitude.compute_root();
}
void keys(PackKeysStages &s, const Tile &, int) {
    s.packed.compute_root();
    s.magnitude.compute_at(s.nonfinite, s.p);
}
void values(PackValuesStages &s, const Tile &, int) {
    s.packed.compute_root();
    s.magnitude.compute_at(s.nonfinite, s.p);
}

void partial(PartialStages &s, const Tile &, int) {
    const int slots = s.format.chunk + 1;
    s.score.compute_at(s.out, s.i).store_in(MemoryType::Stack).bound_storage(s.kj, slots);
    s.weight.compute_at(s.out, s.r).store_in(MemoryType::Stack).bound_storage(s.kj, slots);
    s.dot.compute_at(s.score, s.ki);
    for (Func f : {s.lane_max, s.row_max, s.lane_sum, s.row_sum, s.attended})
        f.compute_at(s.out, s.r);
    s.product.compute_at(s.attended, s.x);
}

void merge(MergeStages &s, const Tile &tile, int) {
    Func consumer = s.state.defined() ? s.state : s.out;
    for (Func f : {s.running_max, s.carry, s.weight}) {
        f.compute_root()
            .store_in(MemoryType::Stack)
            .bound_storage(s.j, kFoldItems + 1)
            .bound_storage(s.r, tile.rows);
    }
    for (Func f : {s.sum, s.inverse_sum})
        if (f.defined()) f.compute_root().store_in(MemoryType::Stack).bound_storage(s.r, tile.rows);
    s.folded.compute_at(consumer, s.scatter.y)
        .store_in(MemoryType::Stack)
        .bound_storage(s.d, padded_features(s.value_dim, s.format));
}

}  // namespace

const Schedule kGenericSchedule{queries, keys, values, partial, merge};

}  // namespace lacuna
