// The plan's own structs. Rows of a tile are (token, query head of the group) pairs, flattened
// token-major; tiles of a strided atom take every row_stride-th token.
#pragma once
#include "patterns/pattern.h"
#include "runtime/bundle.h"

namespace lacuna {

constexpr uint32_t kAllKept = 0xffffffffu;  // Run::words of panels that need no keep test
constexpr uint32_t kTested = 0xfffffffeu;   // Run::words where the kernel tests by itself

// Consecutive panels of one segment, all kept or all tested.
struct Run {
    int32_t segment;
    int32_t first_panel;  // within the tile's residue class
    int32_t panels;
    uint32_t words;  // index of the first panel's mask words, tile_rows words a panel
};

struct RowTile {
    int32_t group;
    int32_t residue;
    int32_t position;   // of the class's first token in the tile's span
    int32_t first_row;  // flat row, counted from that token
    int32_t rows;
    int32_t first_run, runs;
};

// A task: tiles that one thread attends. With several groups, every row of `tokens` tokens passes
// through one tile of each group, and its state waits in between.
struct TileBlock {
    int32_t first_token, tokens;  // positions
    int32_t first_tile, tiles;
};

// Segments whose rows are grouped alike.
struct Group {
    int32_t row_stride;
    int32_t first_segment, segments;  // in `order`
};

// Packed keys k = residue (mod modulus), residues 0 … residues-1, each a whole number of panels.
struct Store {
    int32_t modulus, residues;
};

struct SegmentInfo {
    int32_t atom;  // index in the pattern
    int32_t store;
    int32_t modulus;
    int32_t row_stride;
};

// Everything that depends on one sequence's lengths, and on the KV head if the pattern does.
struct Layout {
    int32_t q_tokens, k_tokens, q_start;
    int32_t first_block, blocks;
    int32_t panels_per_residue[LAC_MAX_ATOMS];  // of each store
    int32_t pack_tasks;
};

// A KV head of a sequence. Heads share a layout unless the pattern tells them apart.
struct Unit {
    int32_t layout;
    int64_t first_task;
};

constexpr int32_t kMaxTileRows = 64;
constexpr int32_t kPackPanels = 16;  // panels a pack task fills

}  // namespace lacuna

struct lac_plan {
    const lac_variant *variant;
    lac_pattern pattern;
    int32_t batch, heads, kv_heads, group_heads, q_tokens, k_tokens;
    int32_t segment_count, group_count, store_count;
    lacuna::SegmentInfo segment[LAC_MAX_ATOMS];  // in fold order
    lacuna::Group group[LAC_MAX_ATOMS];
    lacuna::Store store[LAC_MAX_ATOMS];
    int64_t store_panels[LAC_MAX_ATOMS];  // the most of any layout
    int32_t state_rows;                   // of a block, 0 with one group
    int64_t tasks;
    int64_t attended_pairs, computed_pairs;
    const lacuna::Unit *units;  // batch × kv_heads
    const lacuna::Layout *layouts;
    const lacuna::TileBlock *blocks;
    const lacuna::RowTile *tiles;
    const lacuna::Run *runs;
    const uint32_t *words;
};

namespace lacuna {

// Residue classes that hold a key of a sequence, and the panels of all of them.
inline int32_t residues_in(const Store &s, const Layout &layout) {
    return smaller(s.residues, layout.k_tokens);
}
inline int64_t panels_in(const Store &s, const Layout &layout, int store) {
    return static_cast<int64_t>(residues_in(s, layout)) * layout.panels_per_residue[store];
}

}  // namespace lacuna
