// What of a plan follows from the pattern and the heads alone.
#include "runtime/plan_builder.h"

namespace lacuna {

namespace {

constexpr int64_t kLatestCrossover = 8192;
constexpr int64_t kFewRows = 4;      // of a tile that a step's kernel takes
constexpr int64_t kKeysPacked = 16;  // keys that are packed in the time that a tile costs
// Rows that share a list and still are read as pairs. As a list, two of them take 2.0 to 1.5 times
// as long (64 to 512 of 4,096 keys, AVX-512), four 1.2 to 0.85 times.
constexpr int64_t kRowsOfPairs = 2;

// An owner's segment. Query heads with lists of their own share none.
Segment segment_for(const lac_plan &plan, const Owner &owner, bool own_lists) {
    Segment s = segment_of(plan.pattern.atom[first_of(owner.atoms)]);
    const int64_t rows = int64_t{s.list_tokens} * (own_lists ? 1 : plan.group_heads);
    if (s.source != Source::kList || rows < 1 || rows > kRowsOfPairs) return s;
    s.source = Source::kPairs;
    s.list_tokens = 0;  // any rows make a tile
    return s;
}

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
    const auto segment = [&](int i) { return segment_for(plan, owners.owner[i], own_lists); };
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

// Of causal tiles 1, 2, 3, … of dense order, half a panel of each in vain.
int64_t dense_cost(const lac_variant &v, int64_t rows) {
    const int64_t tile_rows = v.usual_rows, square = tile_rows * tile_rows;
    const int64_t tiles = ceil_div(rows, tile_rows);
    return tiles * (v.tile_pairs + v.panel_keys * tile_rows / 2) + tiles * (tiles + 1) / 2 * square;
}

// Keys that are listed one by one cost more than those of panels: up to which position all earlier
// keys cost less than a list of the usual length, and what other atoms keep: as much as a quarter
// of the list and of a tile. What rows share of a list is fetched once, in a tile of their own. As
// if all query heads of a KV head shared their lists: a cache is made before there are any.
int64_t crossover_of_lists(const lac_plan &plan) {
    const lac_variant &v = *plan.variant;
    int64_t at = 0;
    for (uint32_t a = 0; v.list_pairs > 0 && a < plan.pattern.atom_count; a++) {
        const Segment s = segment_of(plan.pattern.atom[a]);
        const int64_t rows = int64_t{s.list_tokens} * plan.group_heads;
        if (rows == 0) continue;
        const int64_t as_list = (s.list_keys * (v.list_pairs + rows) + v.tile_pairs) / rows;
        const int64_t as_pairs = s.list_keys * v.pair_cost;
        at = larger(at, rows <= kRowsOfPairs ? as_pairs : as_list - v.tile_pairs / v.usual_rows);
    }
    if (plan.segment_count > 1 && at > 0) at += at / 4 + v.tile_pairs / 2;
    return smaller(ceil_div(at, int64_t{v.usual_rows}) * v.usual_rows, kLatestCrossover);
}

// May sequences run in classes from `at` on that are some tiles of so many rows longer? Tiles
// compute whole panels for kFewRows rows or all of a tile, and the keys of all classes are packed
// once more. A tenth more than dense is allowed.
bool pays_in_classes(const lac_plan &plan, int64_t classes, int64_t at, int64_t tiles,
                     int64_t rows) {
    const lac_variant &v = *plan.variant;
    const int64_t end = at + tiles * rows;
    const int64_t keys = ceil_div(end, classes * v.panel_keys) * v.panel_keys;  // of a class
    int64_t tile = v.tile_pairs + keys * (rows <= kFewRows ? kFewRows : v.usual_rows);
    // Rows that pass through several groups are folded in between.
    if (plan.group_count > 1) tile += tile * 3 / 4;
    const int64_t sparse = tiles * tile + classes * keys * v.tile_pairs / kKeysPacked;
    return 10 * (dense_cost(v, at) + sparse) <= 11 * dense_cost(v, end);
}

// Rows of a residue class lie far apart: in a short sequence a tile holds few of them, and dense
// order is faster. The first position from which a pattern runs in its own order: the worst cases
// are sequences that end one row into the first class, or one or one more than few into each. A
// function of pattern and tier alone, so that a row is summed alike however a call is cut.
int64_t crossover_of_classes(const lac_plan &plan) {
    const lac_variant &v = *plan.variant;
    int64_t classes = 1;
    for (int32_t g = 0; g < plan.group_count; g++)
        classes = larger<int64_t>(classes, plan.group[g].row_stride);
    if (classes == 1) return 0;
    classes = smaller<int64_t>(classes, kLatestCrossover);
    int64_t at = v.usual_rows;
    while (at < kLatestCrossover && !(pays_in_classes(plan, classes, at, 1, 1) &&
                                      pays_in_classes(plan, classes, at, classes, 1) &&
                                      pays_in_classes(plan, classes, at, classes, kFewRows + 1)))
        at += v.usual_rows;
    return at;
}

// Up to position `at` rows run in dense order: do those behind pay? An item of columns takes a
// panel, however few of its keys no other atom keeps, and its keys are packed once more.
bool pays_in_columns(const lac_variant &v, const Columns &columns, int64_t at) {
    const int64_t rows = v.usual_rows, keys = v.panel_keys, apart = columns.every * keys;
    int64_t sparse = dense_cost(v, at);
    for (int64_t end = at + rows;; end += rows) {
        const int64_t panels = ceil_div(larger<int64_t>(end - columns.near, 1), apart);
        const int64_t pairs = rows * (columns.near + rows + keys + panels * keys);
        const int64_t tile = v.tile_pairs * 3 / 2 + pairs, dense = dense_cost(v, end);
        const int64_t packed = ceil_div(end, apart) * keys;
        sparse += tile;
        // A twentieth more than dense is allowed: what this leaves out costs as much again.
        if (20 * (sparse + packed * v.tile_pairs / kKeysPacked) > 21 * dense) return false;
        if (tile <= dense - dense_cost(v, end - rows)) return true;
    }
}

// Beside a short window, columns make more work than they save until the window has left some
// panels behind.
int64_t crossover_of_columns(const lac_plan &plan) {
    const Columns columns = columns_of(plan.pattern);
    if (columns.every == 0) return 0;
    const int64_t rows = plan.variant->usual_rows;
    int64_t at = columns.near / rows * rows;
    while (at < kLatestCrossover && !pays_in_columns(*plan.variant, columns, at)) at += rows;
    return at > columns.near ? at : 0;
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
    plan.no_dense_order = shape.no_dense_order;
    plan.rows_differ = plan.query_heads_differ || row_reader(pattern) || plan.tree;
    if (reads_lists(pattern)) plan.lists = *shape.lists;
    if (!reads_globals(pattern)) plan.lists.globals = nullptr;
    const bool own_lists =
        row_reader(pattern) && plan.lists.heads == plan.heads && plan.heads != plan.kv_heads;
    group_segments(plan, own_lists);
    if (!shape.no_dense_order)
        plan.crossover = static_cast<int32_t>(
            larger(larger(crossover_of_classes(plan), crossover_of_columns(plan)),
                   crossover_of_lists(plan)));
    if (reads_globals(pattern) || plan.crossover > 0) {
        Group &g = plan.group[plan.group_count];
        g = group_of(plan, Segment::contiguous(), false);
        add_segment(plan, g, kWhole, Segment::contiguous());
    }
}

}  // namespace lacuna
