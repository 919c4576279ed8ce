#include "runtime/workspace.h"

namespace lacuna {

Elements take_elements(Carver &c, lac_type type, int64_t count) {
    return {c.take<uint8_t>(count * type_bytes(type)), type};
}

float *take_scales(Carver &c, lac_type type, int64_t count) {
    return type == LAC_I8 ? c.take<float>(count) : nullptr;
}

PackedStore carve_store(Carver &c, const lac_variant &v, int64_t panels) {
    PackedStore s{};
    s.panels = panels;
    s.keys = take_elements(c, v.key_type, panels * v.panel_keys * key_elements(v));
    s.values = take_elements(c, v.value_type, panels * v.panel_keys * v.plane * v.value_planes);
    if (!is_fixed8(v.type)) {
        s.key_scales = take_scales(c, v.key_type, panels * v.panel_keys);
        s.value_scales = take_scales(c, v.value_type, panels * v.panel_keys);
    }
    s.keys_nonfinite = c.take<uint8_t>(panels);
    s.values_nonfinite = c.take<uint8_t>(panels);
    return s;
}

namespace {

size_t packed_bytes(const lac_plan &plan) {
    Carver c(nullptr);
    for (int32_t s = 0; s < plan.store_count; s++)
        carve_store(c, *plan.variant, plan.store_panels[s]);
    return c.used();
}

TileScratch carve_tile(Carver &c, const lac_plan &plan) {
    const lac_variant &v = *plan.variant;
    const int64_t rows = v.tile_rows;
    TileScratch s{};
    s.queries = c.take<float>(rows * v.head_dim);
    s.slopes = c.take<float>(rows);
    s.folded = c.take<float>(2 * rows * v.partial_row);
    s.sinks = c.take<float>(rows * v.partial_row);
    s.positions = c.take<int32_t>(rows);
    s.state_rows = c.take<int32_t>(rows);
    s.row_lists = c.take<Indices>(reads_from(plan, Source::kPairs) ? rows : 0);
    s.nonfinite = c.take<uint8_t>(1);
    return s;
}

Scratch carve_scratch(Carver &c, const lac_plan &plan) {
    const lac_variant &v = *plan.variant;
    const int64_t rows = v.tile_rows, slots = static_cast<int64_t>(v.fold_items) * v.chunk;
    Scratch s{};
    for (int32_t t = 0; t < turns(plan); t++) s.tile[t] = carve_tile(c, plan);
    s.ones = c.take<float>(v.head_dim);
    s.parts = c.take<float>(rows * larger(v.fold_items * v.partial_row, v.head_dim));
    const int32_t states = smaller(plan.group_count - 1, 2);
    for (int32_t i = 0; i < states; i++)
        s.state[i] = c.take<float>(static_cast<int64_t>(plan.state_rows) * v.partial_row);
    s.panels = c.take<int32_t>(slots);
    const int64_t pairs = reads_from(plan, Source::kPairs) ? v.pairs_most : 0;
    const int64_t listed = reads_from(plan, Source::kList) ? slots * v.panel_keys : 0;
    s.tokens = c.take<int32_t>(larger(listed, pairs));
    s.pair_starts = c.take<int32_t>(pairs > 0 ? rows + 1 : 0);
    s.edges = c.take<int32_t>(slots);
    s.words = c.take<uint32_t>(slots * rows);
    s.first_keys = c.take<int32_t>(slots);
    s.offsets = c.take<int32_t>(rows);
    s.own_rows = c.take<int32_t>(rows);
    s.tiles = c.take<int32_t>(v.fold_items);
    s.log_sum_exp = c.take<float>(rows);
    return s;
}

// A tile that waits in its block for others, or for another group's, is not shared.
int32_t slices_of(const lac_plan &plan, int32_t threads) {
    if (plan.unit_blocks == 0 || plan.unit_blocks >= threads || plan.group_count > 1 ||
        plan.most_tiles > 1)
        return 1;
    const int64_t wanted = ceil_div(threads, plan.unit_blocks);
    return static_cast<int32_t>(larger<int64_t>(smaller<int64_t>(wanted, plan.most_items), 1));
}

}  // namespace

Workspace::Workspace(const lac_plan &plan, int32_t threads, bool packs, void *memory)
    : plan_(plan) {
    // One more head than threads: packing the next overlaps with attending the last.
    heads_in_flight_ =
        static_cast<int32_t>(smaller<int64_t>(units(), threads > 1 ? threads + 1 : 1));
    packed_bytes_ = packs ? packed_bytes(plan) : 0;
    Carver sizes(nullptr);
    carve_scratch(sizes, plan);
    scratch_bytes_ = sizes.used();
    slices_ = packs ? 1 : slices_of(plan, threads);
    const int64_t shared = slices_ > 1 ? plan.unit_blocks : 0;
    Carver c(memory);
    finished_ = c.take<uint32_t>(shared);
    shared_ = c.take<float>(shared * plan.most_items * plan.variant->tile_rows *
                            plan.variant->partial_row);
    next_task_ = c.take<int64_t>(1);
    progress_ = c.take<Progress>(units());
    const int64_t turns = packs && plan.takes_turns ? plan.tasks : 0;
    done_ = turns > 0 ? c.take<uint32_t>(turns) : nullptr;
    packed_ = c.take<uint8_t>(static_cast<int64_t>(packed_bytes_) * heads_in_flight_);
    scratch_ = c.take<uint8_t>(static_cast<int64_t>(scratch_bytes_) * threads);
    bytes_ = c.used();
}

PackedStore Workspace::store(const Layout &layout, int32_t slot, int32_t store) const {
    Carver c(packed_ + static_cast<size_t>(slot) * packed_bytes_);
    PackedStore result{};
    for (int32_t s = 0; s <= store; s++)
        result = carve_store(c, *plan_.variant, plan_.store_panels[s]);
    result.per_residue = layout.room[store].per_residue;
    result.fixed = layout.room[store].fixed;
    return result;
}

HeadKeys Workspace::packed_keys(const Layout &layout, int32_t slot) const {
    HeadKeys keys{};
    for (int32_t s = 0; s < plan_.store_count; s++) keys.store[s] = store(layout, slot, s);
    return keys;
}

Scratch Workspace::scratch(int32_t thread) const {
    Carver c(scratch_ + static_cast<size_t>(thread) * scratch_bytes_);
    return carve_scratch(c, plan_);
}

}  // namespace lacuna

extern "C" size_t lac_workspace_bytes(const lac_plan *plan, int32_t threads) {
    if (!plan || threads < 0 || threads > LAC_MAX_THREADS) return 0;
    return lacuna::Workspace(*plan, threads < 1 ? 1 : threads, true, nullptr).bytes();
}
