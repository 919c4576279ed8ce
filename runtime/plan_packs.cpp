// When K and V are packed, and which panels share a place.
#include "runtime/plan_builder.h"

namespace lacuna {

// The lowest panel that the block reads of a store, of those from `fixed` on; INT32_MAX: none.
int32_t PlanBuilder::lowest_turn(const TileBlock &block, int32_t store, int32_t fixed) const {
    int32_t lowest = INT32_MAX;
    for (int32_t t = 0; t < block.tiles; t++) {
        const RowTile &tile = plan_.tiles[block.first_tile + t];
        for (int32_t r = 0; r < tile.runs; r++) {
            const Run &run = plan_.runs[tile.first_run + r];
            if (plan_.segment[run.segment].store != store || run.first_panel + run.panels <= fixed)
                continue;
            lowest = smaller(lowest, larger(run.first_panel, fixed));
        }
    }
    return lowest;
}

// Panels from the first on that the last rows see far behind their others: those of a sink.
int32_t PlanBuilder::lasting_panels(int32_t store) const {
    const int32_t piece = piece_panels(*plan_.variant);
    const TileBlock &last = plan_.blocks[layout_.first_block + layout_.blocks - 1];
    for (int32_t fixed = 0; fixed <= 4 * piece; fixed += piece)
        if (lowest_turn(last, store, fixed) > fixed) return fixed;
    return 0;
}

// A window's panels take turns in a ring: a workspace then does not grow with the sequence, and
// stays in the core's cache (window:256, 4,096 tokens, D = 64: 2 % faster). A place is filled
// anew when no block that may still run reads what it holds, or what was packed in the same call.
void PlanBuilder::make_room(int32_t store) {
    const int32_t all = layout_.panels_per_residue[store];
    Room &room = layout_.room[store];
    room = {all, all, 0};
    if (!write_ || layout_.blocks == 0) return;
    const TileBlock *blocks = plan_.blocks + layout_.first_block;
    const int32_t fixed = lasting_panels(store);
    int32_t lowest = all;
    const int32_t piece = piece_panels(*plan_.variant);
    int64_t ring = piece;
    for (int32_t b = layout_.blocks - 1; b >= 0 && fixed + ring < all; b--) {
        lowest = smaller(lowest, lowest_turn(blocks[b], store, fixed) / piece * piece);
        const int64_t rounds = blocks[smaller(b + kBlocksBehind, layout_.blocks - 1)].packs_before;
        ring = larger(ring, smaller<int64_t>(rounds * kPackPanels, all) - lowest);
    }
    ring = ceil_div(ring, piece) * piece;
    if (fixed + ring < all) room = {static_cast<int32_t>(fixed + ring), fixed, lowest};
}

// Packs come so late that their blocks find K and V in the core's cache, and so early that no
// thread waits for another's. That order says which panels may share a place.
void PlanBuilder::order_packs() {
    constexpr int32_t kRoundsAhead = 2;
    auto *const blocks = const_cast<TileBlock *>(plan_.blocks) + layout_.first_block;
    int64_t rounds = 0;
    for (int32_t s = 0; s < plan_.store_count; s++)
        rounds = larger(rounds, ceil_div(layout_.panels_per_residue[s], kPackPanels));
    if (write_ && layout_.blocks > 0) {
        int32_t packed = 0;
        for (int32_t b = 0; b < layout_.blocks; b++)
            blocks[b].packs_before = packed = larger(packed, blocks[b].packs + kRoundsAhead);
        blocks[layout_.blocks - 1].packs_before = static_cast<int32_t>(rounds);
    }
    for (int32_t s = 0; s < plan_.store_count; s++) {
        make_room(s);
        const int64_t places = places_in(plan_.store[s], layout_, s);
        plan_.store_panels[s] = larger(plan_.store_panels[s], places);
    }
    for (int32_t b = 0; write_ && b < layout_.blocks; b++) {
        blocks[b].packs = packs_in(plan_, layout_, blocks[b].packs);
        blocks[b].packs_before = packs_in(plan_, layout_, blocks[b].packs_before);
    }
    plan_.takes_turns |= takes_turns(plan_, layout_);
}

}  // namespace lacuna
