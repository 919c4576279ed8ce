// The generators of what packs: rows of Q, K and V into tiles, panels and planes.
#include "generators/kernel.h"
#include "generators/pack.h"
#include "generators/quantise.h"

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
    Input<Buffer<float, 1>> factor{"factor"};  // of each feature
    Output<Buffer<float, 2>> packed{"packed"};
    Output<Buffer<uint8_t, 1>> nonfinite{"nonfinite"};

    void generate() {
        auto s = pack_queries(convert().widened(source), offset, source.dim(0).extent(), rows,
                              scale, factor, head_dim);
        packed = s.packed;
        nonfinite = s.nonfinite;
        start_at_zero(source);
        start_at_zero(offset);
        fix(factor, 0, head_dim, 1);
        fix(packed, 0, head_dim, 1);
        packed.dim(1).set_min(0).set_stride(head_dim);
        fix(nonfinite, 0, 1, 1);
        tier().schedule->queries(s, tier().tile, tier().format.lanes);
    }
};

// Rows of K or V, and what becomes of them: the same elements, others, or integers with scales.
template <class T>
class PackRows : public Kernel<T> {
public:
    GeneratorParam<Type> stored{"stored", Float(32)};  // as `packed` holds them
    GeneratorInput<Buffer<void, 2>> source{"source"};
    GeneratorInput<Buffer<float, 1>> source_scales{"source_scales"};  // of integers, a row each
    GeneratorInput<int> keys{"keys"};

protected:
    bool quantises() const { return stored.value() == Int(8); }
    Func elements() {
        return panel_rows(this->convert().stored(source, stored), keys, this->tier().format);
    }
    // `inverse`: of what Q's features are multiplied by; K's are divided by it.
    QuantiseStages integers(int features, const Func &inverse = {}) {
        const Format &f = this->tier().format;
        const Func rows = panel_rows(source, keys, f);
        Var d("d"), ki("ki"), p("p");
        if (source.type() == Int(8)) {
            Func scales("source_scale");
            scales(ki, p) = source_scales(clamp(p * f.panel_keys + ki, 0, keys - 1));
            return quantised(rows, scales);
        }
        if (!inverse.defined()) return quantise(this->convert().widened(rows), features, f);
        Func smooth("smooth");
        smooth(d, ki, p) = this->convert().widened(rows(d, ki, p)) * inverse(d);
        return quantise(smooth, features, f);
    }
    // Of elements that are no integers nothing is written: the buffer is empty.
    static Func scales_of(const QuantiseStages &s) {
        if (s.scales.defined()) return s.scales;
        Var ki("ki"), p("p");
        Func none("no_scales");
        none(ki, p) = 0.0f;
        return none;
    }
    template <class Nonfinite, class Scales>
    void constrain(int features, Nonfinite &nonfinite, Scales &scales) {
        fix(source, 0, features, 1);
        source.dim(1).set_min(0);
        start_at_zero(source_scales);
        source_scales.dim(0).set_stride(Expr());  // rows of a residue class lie apart
        nonfinite.dim(0).set_min(0);
        start_at_zero(scales);
    }
};

class PackKeys : public PackRows<PackKeys> {
public:
    GeneratorParam<int> head_dim{"head_dim", 64};
    Input<Buffer<float, 1>> inverse{"inverse"};
    Output<Buffer<void, 3>> packed{"packed"};
    Output<Buffer<uint8_t, 1>> nonfinite{"nonfinite"};
    Output<Buffer<float, 2>> scales{"scales"};

    void generate() {
        const Format &f = tier().format;
        const bool by_squares = tier().schedule->by_squares;
        auto s = quantises() ? pack_keys(integers(head_dim, inverse), head_dim, f, by_squares)
                             : pack_keys(elements(), stored, head_dim, f, by_squares);
        packed = s.packed;
        nonfinite = s.nonfinite;
        scales = scales_of(s.quantised);
        constrain(head_dim, nonfinite, scales);
        fix(inverse, 0, head_dim, 1);
        fix(packed, 0, f.panel_keys, 1);
        fix(packed, 1, s.head_dim, f.panel_keys);
        packed.dim(2).set_min(0).set_stride(f.panel_keys * s.head_dim);
        tier().schedule->keys(s, tier().tile, f.lanes);
    }
};

class PackValues : public PackRows<PackValues> {
public:
    GeneratorParam<int> value_dim{"value_dim", 64};
    Output<Buffer<void, 4>> packed{"packed"};
    Output<Buffer<uint8_t, 1>> nonfinite{"nonfinite"};
    Output<Buffer<float, 2>> scales{"scales"};

    void generate() {
        const Format &f = tier().format;
        auto s = quantises() ? pack_values(integers(value_dim), value_dim, f)
                             : pack_values(elements(), stored, value_dim, f);
        packed = s.packed;
        nonfinite = s.nonfinite;
        scales = scales_of(s.quantised);
        constrain(value_dim, nonfinite, scales);
        const int rows = f.panel_keys / s.group;
        fix(packed, 0, f.plane, 1);
        fix(packed, 1, rows, f.plane);
        packed.dim(2).set_min(0).set_stride(rows * f.plane);
        packed.dim(3).set_bounds(0, s.planes);
        tier().schedule->values(s, tier().tile, f.lanes);
    }
};

}  // namespace

}  // namespace lacuna

HALIDE_REGISTER_GENERATOR(lacuna::PackQueries, pack_queries)
HALIDE_REGISTER_GENERATOR(lacuna::PackKeys, pack_keys)
HALIDE_REGISTER_GENERATOR(lacuna::PackValues, pack_values)
