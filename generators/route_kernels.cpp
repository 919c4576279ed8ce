// The generators of the router.
#include "generators/kernel.h"
#include "generators/route.h"

namespace lacuna {

using namespace Halide;

namespace {

class Summarise : public Kernel<Summarise> {
public:
    GeneratorParam<int> head_dim{"head_dim", 64};
    Input<Buffer<void, 3>> source{"source"};
    Input<Buffer<float, 2>> scales{"scales"};  // of integers, a row each
    Input<bool> mean{"mean"};
    Output<Buffer<float, 2>> high{"high"}, low{"low"};

    void generate() {
        auto s = summarise(convert().widened_rows(source, scales), source.dim(1).extent(), mean,
                           head_dim);
        high = s.high;
        low = s.low;
        fix(source, 0, head_dim, 1);
        start_at_zero(source);
        start_at_zero(scales);
        for (auto *out : {&high, &low}) {
            start_at_zero(*out);
            out->dim(1).set_extent(head_dim);
        }
        tier().schedule->summarise(s, tier().tile, tier().format.lanes);
    }
};

class Route : public Kernel<Route> {
public:
    GeneratorParam<int> head_dim{"head_dim", 64};
    Input<Buffer<void, 3>> queries{"queries"};
    Input<Buffer<float, 2>> high{"high"}, low{"low"};
    Input<bool> mean{"mean"}, has_earlier{"has_earlier"};
    Input<Buffer<float, 1>> earlier{"earlier"};
    Output<Buffer<float, 1>> out{"out"};

    void generate() {
        const int step = tier().format.panel_keys;
        // LLVM moves max(x, 0) before the conversion of x: on ARM it would be one of f16, which the
        // baseline has not.
        const Converter wide(get_target().has_feature(Target::F16C));
        auto s = route({wide.widened(queries), queries.dim(1).extent(), queries.dim(2).extent(),
                        high, low, mean, has_earlier, earlier},
                       route_rows(tier().tile, head_dim), head_dim);
        s.step = step;
        out = s.out;
        fix(queries, 0, head_dim, 1);
        start_at_zero(queries);
        for (auto *summary : {&high, &low}) {
            start_at_zero(*summary);
            summary->dim(1).set_extent(head_dim);
        }
        start_at_zero(earlier);
        out.dim(0).set_bounds(0, out.dim(0).extent() / step * step);
        tier().schedule->route(s, tier().tile, tier().format.lanes);
    }
};

}  // namespace

}  // namespace lacuna

HALIDE_REGISTER_GENERATOR(lacuna::Summarise, summarise)
HALIDE_REGISTER_GENERATOR(lacuna::Route, route)
