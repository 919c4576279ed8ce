// The plan's own structs.
#pragma once
#include "runtime/bundle.h"
#include "runtime/lists.h"

namespace lacuna {

constexpr uint32_t kAllKept = 0xffffffffu;  // Run::words of panels that need no keep test
constexpr uint32_t kTested = 0xfffffffeu;   // Run::words where the kernel tests by itself

// Consecutive panels of one segment, all kept or all tested. Of pairs, as many as so many items
// would hold as calls read them at most.
struct Run {
    int32_t segment;
    int32_t first_panel;  // within the tile's residue class
    int32_t panels;
    uint32_t words;      // index of the first panel's mask words, tile_rows words a panel
    int32_t words_step;  // from a panel's words to the next: tile_rows, or 0 where all are alike
};

// Rows of a tile: (token, query head) pairs, token-major; see TileRowCursor in rows.h.
struct RowTile {
    int32_t group;
    int32_t residue;
    int32_t position;    // of the first row's token
    int32_t first_head;  // of the first row, in its KV head's group
    int32_t rows;
    int32_t global;  // place of the first row in the caller's globals, or kNoGlobals
    int32_t first_run, runs;
};
constexpr int32_t kNoGlobals = -1;

// A task: tiles that one thread attends. With several groups, every row of `tokens` tokens passes
// through one tile of each group, and its state waits in between.
struct TileBlock {
    int32_t first_token, tokens;  // positions
    int32_t first_tile, tiles;
    int32_t packs;         // pack tasks that it waits for: the first so many
    int32_t packs_before;  // pack tasks that come before it
};

// Segments whose rows are grouped alike: tokens row_stride apart and, where lists differ, of the
// list_tokens that share one (0: any), of one query head (row_heads 1) or of all of a KV head's.
struct Group {
    int32_t row_stride;
    int32_t list_tokens;
    int32_t row_heads;
    int32_t first_segment, segments;
};

// Packed keys k = residue (mod modulus), residues 0 … residues-1, each a whole number of panels.
struct Store {
    int32_t modulus, residues;
};

struct SegmentInfo {
    Owner owner;
    int32_t store;  // of its panels; kNoStore when keys are listed
    int32_t modulus;
    int32_t row_stride;
    Source source;
};
constexpr int32_t kNoStore = -1;
constexpr int32_t kMaxSegments = LAC_MAX_ATOMS + 1;

// Panels of a residue class that have a place at once: all, or the first `fixed` for good while the
// others, which are read from panel `lowest` on, take turns in the rest (PackedStore::place).
struct Room {
    int32_t per_residue, fixed, lowest;
};

// Everything that depends on one sequence's lengths, and on the KV head if the pattern does.
struct Layout {
    int32_t q_tokens, k_tokens, q_start;
    int32_t first_block, blocks;
    int32_t panels_per_residue[kMaxSegments];  // of each store
    Room room[kMaxSegments];                   // of each store
    int32_t pack_tasks;
};

// A KV head of a sequence. Heads share a layout unless the pattern tells them apart.
struct Unit {
    int32_t layout;
    int64_t first_task;
};

constexpr int32_t kMaxTileRows = 64;
constexpr int32_t kBlockTiles = 4;   // tiles of a task with one group
constexpr int32_t kPackPanels = 16;  // panels a pack task fills
constexpr int32_t kPieceKeys = 32;   // that one kernel call packs, in whole panels
// Where panels take turns, a pack task may run before the last so many blocks that come before it
// are done. With 8, 16 threads wait for each other (window:256, 8 heads of 4,096 tokens, D =
// 64: 3.2 ms, not 2.8); with 16 the ring is larger and they are no faster.
constexpr int32_t kBlocksBehind = 12;

}  // namespace lacuna

struct lac_plan {
    const lac_variant *variant;
    lac_pattern pattern;
    lac_lists lists;  // its arrays are the caller's, as is the tree
    const uint64_t *tree;
    int32_t batch, heads, kv_heads, group_heads, q_tokens, k_tokens;
    // Group group_count, if any, is for rows that see the whole pattern in the order of keys: they
    // pass through no other.
    int32_t segment_count, group_count, store_count;
    bool heads_differ, query_heads_differ;
    bool rows_differ;  // by more than their place: query heads, or lists of blocks
    int32_t no_dense_order;
    int32_t crossover;  // rows before this position, or bidi sequences as short, are such rows
    lacuna::SegmentInfo segment[lacuna::kMaxSegments];  // in fold order
    lacuna::Group group[lacuna::kMaxSegments];
    lacuna::Store store[lacuna::kMaxSegments];
    int64_t store_panels[lacuna::kMaxSegments];  // places, the most of any layout
    bool takes_turns;                            // panels, in some layout
    int32_t state_rows;                          // of a block, 0 with one group
    int64_t tasks;
    int64_t unit_blocks;             // blocks of all units
    int32_t most_tiles, most_items;  // of a block, of a tile
    int64_t attended_pairs, computed_pairs;
    const lacuna::Unit *units;  // batch × kv_heads
    const lacuna::Layout *layouts;
    const lacuna::TileBlock *blocks;
    const lacuna::RowTile *tiles;
    const lacuna::Run *runs;
    const uint32_t *words;
};

namespace lacuna {

inline bool reads_from(const lac_plan &plan, Source source) {
    for (int32_t s = 0; s < plan.segment_count; s++)
        if (plan.segment[s].source == source) return true;
    return false;
}
inline bool lists_keys(const lac_plan &plan) {
    return reads_from(plan, Source::kList) || reads_from(plan, Source::kPairs);
}

// The atom of a segment whose keys are listed.
inline const lac_atom &listing_atom(const lac_plan &plan, const SegmentInfo &info) {
    return plan.pattern.atom[first_of(info.owner.atoms)];
}

// Of a mask word.
inline uint32_t all_lanes(const lac_variant &v) {
    return v.panel_keys == kLanes ? ~0u : (1u << v.panel_keys) - 1;
}

// Pairs of a row that are summed at once: rows are cut at multiples of it. All rows of a tile read
// some before any reads more, so that K and V of many listed keys come from beyond the core's cache
// once a tile: at head size 128 a quarter of 4,096 keys takes 250 ms with 128, 305 with 512.
inline int32_t pairs_in_pass(const lac_variant &v) { return larger(1, v.pairs_most / 4); }

inline int32_t piece_panels(const lac_variant &v) { return larger(1, kPieceKeys / v.panel_keys); }

// Residue classes that hold a key of a sequence, and the places of all their panels.
inline int32_t residues_in(const Store &s, const Layout &layout) {
    return smaller(s.residues, layout.k_tokens);
}
inline int64_t places_in(const Store &s, const Layout &layout, int store) {
    return static_cast<int64_t>(residues_in(s, layout)) * layout.room[store].per_residue;
}

inline bool takes_turns(const lac_plan &plan, const Layout &layout) {
    for (int32_t s = 0; s < plan.store_count; s++)
        if (layout.room[s].per_residue < layout.panels_per_residue[s]) return true;
    return false;
}

// Pack tasks come in rounds, each of kPackPanels panels of every residue class: those of the first
// so many.
inline int32_t packs_in(const lac_plan &plan, const Layout &layout, int64_t rounds) {
    int64_t packs = 0;
    for (int32_t s = 0; s < plan.store_count; s++)
        packs += residues_in(plan.store[s], layout) *
                 smaller(rounds, ceil_div(layout.panels_per_residue[s], kPackPanels));
    return static_cast<int32_t>(packs);
}

inline Sequence sequence_of(const lac_plan &plan, const Layout &layout, int32_t sequence) {
    return {&plan.lists,
            sequence,
            layout.q_start,
            plan.heads,
            plan.group_heads,
            GlobalRows::kUnknown,
            plan.tree ? plan.tree + int64_t{sequence} * plan.q_tokens : nullptr};
}

}  // namespace lacuna
