// What of a plan follows from the pattern and the heads alone.
#include "runtime/plan_builder.h"

namespace lacuna {

namespace {

constexpr int64_t kLatestCrossover = 8192;

int32_t store_for(lac_plan &plan, const Segment &s) {
    if (s.source != Source::kPanels) return kNoStore;
    for (int32_t i = 0; i < plan.store_count; i++) {
        if (plan.store[i].modulus == s.modulus) {
            plan.store[i].residues = larger(plan.store[i].residues, s.residues);
            return i;
        }
    }
    plan.store[plan.store_count] = {s.modulus, s.residues};
    return plan.store_count++;
}

// Which tiles can serve a segment. Query heads with lists of their own share no tile of a list.
Group group_of(const lac_plan &plan, const Segment &s, bool own_lists) {
    const bool apart = own_lists && s.source == Source::kList && s.list_tokens > 0;
    return {s.row_stride, s.list_tokens, apart ? 1 : plan.group_heads, plan.segment_count, 0};
}
bool alike(const Group &a, const Group &b) {
    return a.row_stride == b.row_stride && a.list_tokens == b.list_tokens &&
           a.row_heads == b.row_heads;
}

void add_segment(lac_plan &plan, Group &group, const Owner &owner, const Segment &s) {
    plan.segment[plan.segment_count++] = {owner, store_for(plan, s), s.modulus, s.row_stride,
                                          s.source};
    group.segments++;
}

// Segments that one tile of rows can serve follow each other, so that its Q is packed once.
void group_segments(lac_plan &plan, bool own_lists) {
    const Owners owners = owners_of(plan.pattern);
    const auto segment = [&](int i) {
        return segment_of(plan.pattern.atom[first_of(owners.owner[i].atoms)]);
    };
    bool taken[LAC_MAX_ATOMS] = {};
    for (int a = 0; a < owners.count; a++) {
        if (taken[a]) continue;
        Group &g = plan.group[plan.group_count++];
        g = group_of(plan, segment(a), own_lists);
        for (int b = a; b < owners.count; b++) {
            if (taken[b] || !alike(group_of(plan, segment(b), own_lists), g)) continue;
            taken[b] = true;
            add_segment(plan, g, owners.owner[b], segment(b));
        }
    }
}

// What (row, key) pairs a tile costs that computes so many panels.
int64_t tile_cost(const lac_variant &v, int64_t panels) {
    return v.tile_pairs + panels * v.panel_keys * v.usual_rows;
}
// Of causal tiles 1, 2, 3, … of dense order, half a panel of each in vain.
int64_t dense_cost(const lac_variant &v, int64_t rows) {
    const int64_t tile_rows = v.usual_rows, square = tile_rows * tile_rows;
    const int64_t tiles = ceil_div(rows, tile_rows);
    return tiles * (v.tile_pairs + v.panel_keys * tile_rows / 2) + tiles * (tiles + 1) / 2 * square;
}

// Keys that are listed one by one cost more than those of panels: up to which position all earlier
// keys cost less than the lists, at their usual length. What rows share of a list is fetched once;
// a single row's kernel takes half the time a key.
int64_t crossover_of_lists(const lac_plan &plan) {
    const lac_variant &v = *plan.variant;
    int64_t at = 0;
    for (int32_t g = 0; v.list_pairs > 0 && g < plan.group_count; g++) {
        const Group &group = plan.group[g];
        if (group.list_tokens == 0) continue;
        const int64_t rows = int64_t{group.list_tokens} * group.row_heads;
        const int64_t cost = rows == 1 ? (v.list_pairs + 1) / 2 : v.list_pairs + rows;
        for (int32_t s = 0; s < group.segments; s++) {
            const SegmentInfo &info = plan.segment[group.first_segment + s];
            const int64_t keys = segment_of(listing_atom(plan, info)).list_keys;
            at = larger(at, ceil_div(keys * cost, rows));
        }
    }
    return smaller(ceil_div(at, int64_t{v.usual_rows}) * v.usual_rows, kLatestCrossover);
}

// Rows of a residue class lie far apart: in a short sequence a tile holds few of them, and dense
// order is faster. The first position from which a pattern runs in its own order: the worst case
// is a sequence that ends one row into every class, and it may cost a tenth more than dense. A
// function of pattern and tier alone, so that a row is summed alike however a call is cut.
int64_t crossover_of_classes(const lac_plan &plan) {
    const lac_variant &v = *plan.variant;
    int64_t classes = 1;
    for (int32_t g = 0; g < plan.group_count; g++)
        classes = larger<int64_t>(classes, plan.group[g].row_stride);
    if (classes == 1) return 0;
    classes = smaller<int64_t>(classes, kLatestCrossover);
    // Rows that pass through several groups are folded in between.
    int64_t sparse = classes * tile_cost(v, 1);
    if (plan.group_count > 1) sparse += sparse / 2;
    int64_t at = v.usual_rows;
    while (at < kLatestCrossover &&
           10 * (dense_cost(v, at) + sparse) > 11 * dense_cost(v, at + classes))
        at += v.usual_rows;
    return at;
}

}  // namespace

void describe(lac_plan &plan, const lac_kernel &kernel, const lac_pattern &pattern,
              const lac_shape &shape) {
    plan = {};
    plan.variant = kernel.variant;
    plan.pattern = pattern;
    plan.batch = shape.batch;
    plan.heads = shape.heads;
    plan.kv_heads = shape.kv_heads;
    plan.group_heads = shape.heads / shape.kv_heads;
    plan.q_tokens = shape.q_tokens;
    plan.k_tokens = shape.k_tokens;
    plan.heads_differ = by_head(pattern, shape);
    plan.query_heads_differ = by_query_head(pattern, shape);
    plan.tree = shape.tree;
    plan.rows_differ = plan.query_heads_differ || row_reader(pattern) || plan.tree;
    if (reads_lists(pattern)) plan.lists = *shape.lists;
    if (!reads_globals(pattern)) plan.lists.globals = nullptr;
    const bool own_lists =
        row_reader(pattern) && plan.lists.heads == plan.heads && plan.heads != plan.kv_heads;
    group_segments(plan, own_lists);
    plan.crossover =
        static_cast<int32_t>(larger(crossover_of_classes(plan), crossover_of_lists(plan)));
    if (reads_globals(pattern) || plan.crossover > 0) {
        Group &g = plan.group[plan.group_count];
        g = group_of(plan, Segment::contiguous(), false);
        add_segment(plan, g, kWhole, Segment::contiguous());
    }
}

}  // namespace lacuna
