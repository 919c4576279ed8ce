#include "generators/route.h"

#include <cfloat>

namespace lacuna {

using namespace Halide;

SummariseStages summarise(const Func &source, const Expr &keys, const Expr &mean, int head_dim) {
    SummariseStages s;
    s.head_dim = head_dim;
    s.mean = mean;
    s.most = Func("most");
    s.least = Func("least");
    s.total = Func("total");
    s.high = Func("high");
    s.low = Func("low");
    s.keys = RDom(0, keys, "keys");
    const auto value = [&](const Expr &key) { return source(s.d, key, s.b); };
    s.most(s.d, s.b) = value(0);
    s.most(s.d, s.b) = max(s.most(s.d, s.b), value(s.keys));
    s.least(s.d, s.b) = value(0);
    s.least(s.d, s.b) = min(s.least(s.d, s.b), value(s.keys));
    s.total(s.d, s.b) = 0.0f;
    s.total(s.d, s.b) += value(s.keys);
    s.high(s.b, s.d) = select(mean, s.total(s.d, s.b) / cast<float>(keys), s.most(s.d, s.b));
    s.low(s.b, s.d) = s.least(s.d, s.b);
    return s;
}

RouteStages route(const RouteInputs &in, int rows, int head_dim) {
    RouteStages s;
    s.head_dim = head_dim;
    s.mean = in.mean;
    s.positive = Func("positive");
    s.negative = Func("negative");
    s.score = Func("score");
    s.out = Func("out");
    // The last row stands in for those that are missing in the last block: it changes no maximum.
    Expr row = min(s.y * rows + s.i, in.heads * in.tokens - 1);
    Expr q = in.queries(s.d, row % in.heads, row / in.heads);
    // max(q·high, q·low) = max(q, 0)·high + min(q, 0)·low exactly, and needs no maximum a product.
    s.positive(s.d, s.i, s.y) = select(in.mean, q, max(q, 0.0f));
    s.negative(s.d, s.i, s.y) = min(q, 0.0f);
    s.features = RDom(0, head_dim, "features");
    s.score(s.b, s.i, s.y) = 0.0f;
    s.score(s.b, s.i, s.y) +=
        s.positive(s.features, s.i, s.y) * in.high(s.b, s.features) +
        select(in.mean, 0.0f, s.negative(s.features, s.i, s.y) * in.low(s.b, s.features));
    Expr row_blocks = (in.heads * in.tokens + rows - 1) / rows;
    s.rows = RDom(0, rows, 0, row_blocks, "rows");
    s.out(s.b) = select(in.has_earlier, in.earlier(s.b), -FLT_MAX);
    s.out(s.b) = max(s.out(s.b), s.score(s.b, s.rows.x, s.rows.y));
    return s;
}

}  // namespace lacuna
