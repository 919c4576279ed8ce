// A plan of one sequence with one KV head, its items expanded: which (row, key) pairs they visit.
// Needs no kernel: only the numbers of a variant enter a plan.
#pragma once
#include <map>
#include <memory>

#include "lacuna/lacuna.hpp"
#include "runtime/items.h"
#include "runtime/workspace.h"
#include "tests/lists.h"

namespace lacuna {

struct Numbers {
    int panel_keys, chunk, tile_rows;
};

inline lac_variant variant_of(const Numbers &n) {
    lac_variant v{};
    v.tier = "test";
    v.panel_keys = n.panel_keys;
    v.chunk = n.chunk;
    v.plane = 16;
    v.tile_rows = v.usual_rows = n.tile_rows;
    v.list_pairs = 8;
    v.pair_cost = 4;
    v.head_dim = v.value_dim = 16;
    v.value_planes = 1;
    v.partial_row = 32;
    v.fold_items = 3;
    v.pairs_most = 7;
    v.gather = [](auto...) { return 0; };  // never called
    return v;
}

struct Case {
    std::string pattern;
    int q_tokens, k_tokens, q_start;
    int group_heads = 1;
    Numbers numbers{16, 15, 16};
    bool own_lists = false;  // a list for each query head
    bool own_order = false;  // no row in dense order
    std::string describe() const {
        return pattern + " q " + std::to_string(q_tokens) + " k " + std::to_string(k_tokens) +
               " start " + std::to_string(q_start) + " group " + std::to_string(group_heads) +
               " panel " + std::to_string(numbers.panel_keys) + (own_lists ? " own lists" : "") +
               (own_order ? " own order" : "");
    }
};

// Counts visits of (row, key) pairs of one sequence with one KV head.
class Visits {
public:
    explicit Visits(const Case &c)
        : case_(c), variant_(variant_of(c.numbers)), pattern_(lac::pattern(c.pattern)) {
        const lac_kernel kernel{sizeof(lac_kernel), reinterpret_cast<const lac_bundle *>(1),
                                &variant_, "test"};
        shape_ = {sizeof(lac_shape), 1,       c.group_heads,  1,       c.q_tokens, c.k_tokens,
                  nullptr,           nullptr, &case_.q_start, nullptr, nullptr,    c.own_order};
        if (reads_lists(pattern_)) {
            const int heads = c.own_lists ? c.group_heads : 1;
            const auto seed = static_cast<unsigned>(c.q_tokens * 97 + c.k_tokens);
            lists_ = std::make_unique<RandomLists>(pattern_, shape_, heads, seed);
            shape_.lists = lists_->get();
        }
        size_t bytes = 0;
        lac::check(lac_plan_bytes(&kernel, &pattern_, &shape_, &bytes));
        memory_ = lac::Memory(bytes);
        lac::check(lac_plan_init(&kernel, &pattern_, &shape_, memory_.data(), bytes, &plan_));
        scratch_memory_ = lac::Memory(lac_workspace_bytes(plan_, 1));
        count_.assign(static_cast<size_t>(c.q_tokens) * c.group_heads * c.k_tokens, 0);
        rows_.assign(static_cast<size_t>(c.q_tokens) * c.group_heads, 0);
        walk();
    }
    const lac_plan &plan() const { return *plan_; }
    const lac_pattern &pattern() const { return pattern_; }
    int items() const { return items_; }
    const lac_shape &shape() const { return shape_; }
    int visits(int q, int g, int k) const {
        return count_[(static_cast<size_t>(q) * case_.group_heads + g) * case_.k_tokens + k];
    }
    // A row passes through a tile of every group, or through one of its own kind.
    bool tiles_fit(int q, int g) const {
        const int tiles = rows_[static_cast<size_t>(q) * case_.group_heads + g];
        return tiles == plan_->group_count || tiles == kAlone;
    }
    std::string fault;

private:
    static constexpr int kAlone = 1000;
    int packs_before_ = 0;  // the last block

    void walk() {
        const Workspace workspace(*plan_, 1, true, scratch_memory_.data());
        const Scratch scratch = workspace.scratch(0);
        const Layout &layout = plan_->layouts[0];
        for (int s = 0; s < plan_->store_count; s++)
            check_pieces(workspace.store(layout, 0, s), layout.panels_per_residue[s]);
        for (int b = 0; b < layout.blocks; b++) {
            const TileBlock &block = plan_->blocks[layout.first_block + b];
            for (int t = 0; t < block.tiles; t++)
                walk_tile(scratch, layout, plan_->tiles[block.first_tile + t]);
            check_packs(layout, b);
        }
    }

    // A packing call writes its panels side by side.
    void check_pieces(const PackedStore &store, int panels) {
        const int piece = piece_panels(*plan_->variant);
        if (piece * plan_->variant->panel_keys != kPieceKeys || kPackPanels % piece != 0)
            fault = "a packing call takes other keys";
        for (int panel = 0; panel < panels; panel++) {
            const int first = panel / piece * piece;
            if (store.place(0, panel) != store.place(0, first) + panel - first)
                fault = "the panels of a packing call lie apart";
        }
    }

    // Rounds of the first so many pack tasks.
    int rounds_of(const Layout &layout, int packs) const {
        int rounds = 0;
        while (packs_in(*plan_, layout, rounds) < packs) rounds++;
        return rounds;
    }

    // No panel that the block reads has lost its place to one that may be packed before it is done,
    // nor has one that is packed in the same call: two threads may pack the two at once.
    void check_places(const Layout &layout, int block, const Run &run) {
        const int store = plan_->segment[run.segment].store;
        const Room room = layout.room[store];
        const int later = std::min(block + kBlocksBehind, layout.blocks - 1);
        const int packs = plan_->blocks[layout.first_block + later].packs_before;
        const int packed =
            std::min(rounds_of(layout, packs) * kPackPanels, layout.panels_per_residue[store]);
        const int lowest = std::max(run.first_panel, room.fixed);
        const bool turns = run.first_panel + run.panels > room.fixed;
        const int ring = room.per_residue - room.fixed, piece = piece_panels(*plan_->variant);
        if (turns && ring > 0 && packed - ring > lowest / piece * piece)
            fault = "a panel is overwritten before it is read";
        if (turns && lowest < room.lowest) fault = "a panel that is read is not packed";
    }

    // A block waits for the panels that it reads, and only for what comes before it.
    void check_packs(const Layout &layout, int number) {
        const TileBlock &block = plan_->blocks[layout.first_block + number];
        const bool last = number + 1 == layout.blocks;
        for (int t = 0; t < block.tiles; t++) {
            const RowTile &tile = plan_->tiles[block.first_tile + t];
            for (int r = 0; r < tile.runs; r++) {
                const Run &run = plan_->runs[tile.first_run + r];
                if (plan_->segment[run.segment].store == kNoStore) continue;
                const int rounds = (run.first_panel + run.panels + kPackPanels - 1) / kPackPanels;
                if (block.packs < packs_in(*plan_, layout, rounds))
                    fault = "a block does not wait for a panel";
                check_places(layout, number, run);
            }
        }
        if (block.packs > block.packs_before || block.packs_before < packs_before_)
            fault = "packs come too late";
        packs_before_ = block.packs_before;
        if (last && packs_before_ != layout.pack_tasks) fault = "packs are left over";
    }

    void walk_tile(const Scratch &scratch, const Layout &layout, const RowTile &tile) {
        const Sequence in = sequence_of(*plan_, layout, 0);
        TileRowCursor row(*plan_, tile, in.globals());
        tile_rows_.clear();
        row_calls_.assign(static_cast<size_t>(tile.rows), 0);
        for (int r = 0; r < tile.rows; r++, row.advance()) {
            const int q = row.position() - case_.q_start;
            tile_rows_.push_back(static_cast<size_t>(q) * case_.group_heads + row.head());
            rows_[tile_rows_.back()] += tile.group == plan_->group_count ? kAlone : 1;
        }
        const HeadKeys keys = Workspace(*plan_, 1, true, nullptr).packed_keys(layout, 0);
        std::vector<Indices> row_lists(static_cast<size_t>(tile.rows));
        ItemWalk walk(*plan_, layout, keys, tile, 0, 0, row_lists.data());
        Batch batch;
        while (walk.next(scratch, variant_.fold_items, &batch)) {
            items_ += batch.items;
            if (batch.items > variant_.fold_items || batch.slots > variant_.chunk)
                fault = "an item or batch is too large";
            if (plan_->segment[batch.segment].source == Source::kPairs)
                visit_pairs(scratch, batch);
            else
                for (int i = 0; i < batch.items; i++) visit_item(scratch, layout, tile, batch, i);
        }
    }

    void visit_pairs(const Scratch &s, const Batch &batch) {
        if (batch.pairs > variant_.pairs_most) fault = "too many pairs";
        if (s.pair_starts[0] != 0 || s.pair_starts[variant_.tile_rows] != batch.pairs)
            fault = "pairs of no row";
        for (int r = 0; r < variant_.tile_rows; r++) {
            if (s.pair_starts[r + 1] < s.pair_starts[r]) fault = "pairs are out of order";
            if (s.pair_starts[r + 1] > s.pair_starts[r]) count_call(r);
            for (int p = s.pair_starts[r]; p < s.pair_starts[r + 1]; p++)
                count_[tile_rows_[static_cast<size_t>(r)] * case_.k_tokens +
                       static_cast<size_t>(s.tokens[p])]++;
        }
    }

    // A row takes its second call's pairs when all rows have had their first: of one atom's, which
    // drop no more than a row's last.
    void count_call(int r) {
        const int calls = ++row_calls_[static_cast<size_t>(r)];
        for (int before = 0; before < r && pattern_.atom_count == 1; before++)
            if (row_calls_[static_cast<size_t>(before)] > calls) fault = "a row reads far ahead";
    }

    void visit_item(const Scratch &s, const Layout &layout, const RowTile &tile, const Batch &batch,
                    int item) {
        std::map<int, int> edge_of_slot;
        for (int e = 0; e < batch.edges; e++)
            edge_of_slot[s.edges[item * variant_.chunk + e]] = item * variant_.chunk + e;
        chunk_number_ = -1;
        for (int slot = 0; slot < batch.slots; slot++) {
            const int place = item * variant_.chunk + slot;
            const auto edge = edge_of_slot.find(slot);
            const bool tested = edge != edge_of_slot.end();
            const std::vector<int64_t> keys = keys_of(s, layout, batch.segment, place);
            if (!visit_panel(
                    tile, keys,
                    tested ? s.words + ptrdiff_t{edge->second} * variant_.tile_rows : nullptr))
                fault = "a panel is visited in vain";
        }
    }

    std::vector<int64_t> keys_of(const Scratch &s, const Layout &layout, int segment, int place) {
        const SegmentInfo &info = plan_->segment[segment];
        std::vector<int64_t> keys;
        if (info.source == Source::kList) {
            const int32_t *tokens = s.tokens + ptrdiff_t{place} * variant_.panel_keys;
            keys.assign(tokens, tokens + variant_.panel_keys);
            return keys;
        }
        const Room room = layout.room[info.store];
        const int first = s.first_keys[place], residue = s.panels[place] / room.per_residue;
        const int panel = (first - residue) / variant_.panel_keys / info.modulus;
        if (first != residue + panel * variant_.panel_keys * info.modulus)
            fault = "first_keys is wrong";
        int turn = panel;
        while (turn >= room.per_residue) turn -= room.per_residue - room.fixed;
        if (s.panels[place] != residue * room.per_residue + turn) fault = "a place is wrong";
        const int number = panel / variant_.chunk;
        if (chunk_number_ >= 0 && number != chunk_number_) fault = "an item crosses a chunk";
        chunk_number_ = number;
        for (int64_t lane = 0; lane < variant_.panel_keys; lane++)
            keys.push_back(first + lane * info.modulus);
        return keys;
    }

    bool visit_panel(const RowTile &tile, const std::vector<int64_t> &keys, const uint32_t *words) {
        bool any = false;
        for (int r = 0; r < variant_.tile_rows; r++) {
            for (size_t lane = 0; lane < keys.size(); lane++) {
                const bool kept = words ? words[r] >> lane & 1 : r < tile.rows;
                if (!kept) continue;
                any = true;
                if (r >= tile.rows || keys[lane] >= case_.k_tokens)
                    fault = "a pair outside the shape is kept";
                else
                    count_[tile_rows_[static_cast<size_t>(r)] * case_.k_tokens +
                           static_cast<size_t>(keys[lane])]++;
            }
        }
        return any;
    }

    Case case_;
    lac_variant variant_;
    lac_pattern pattern_;
    lac_shape shape_{};
    std::unique_ptr<RandomLists> lists_;
    lac::Memory memory_, scratch_memory_;
    const lac_plan *plan_ = nullptr;
    std::vector<int> count_, rows_;
    std::vector<size_t> tile_rows_;  // of the tile at hand
    std::vector<int> row_calls_;     // with pairs of each row of the tile at hand
    int chunk_number_ = -1, items_ = 0;
};

}  // namespace lacuna
