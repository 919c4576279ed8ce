// A plan's items, expanded, visit exactly the pairs that attends() keeps, each once, and no panel
// in vain. Needs no kernel: only the numbers of a variant enter a plan.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>

#include "lacuna/lacuna.hpp"
#include "runtime/items.h"
#include "runtime/workspace.h"

namespace lacuna {
namespace {

struct Numbers {
    int panel_keys, chunk, tile_rows;
};

lac_variant variant_of(const Numbers &n) {
    lac_variant v{};
    v.tier = "test";
    v.panel_keys = n.panel_keys;
    v.chunk = n.chunk;
    v.plane = 16;
    v.tile_rows = n.tile_rows;
    v.head_dim = v.value_dim = 16;
    v.value_planes = 1;
    v.partial_row = 32;
    v.fold_items = 3;
    return v;
}

struct Case {
    std::string pattern;
    int q_tokens, k_tokens, q_start;
    int group_heads = 1;
    Numbers numbers{16, 15, 16};
    std::string describe() const {
        return pattern + " q " + std::to_string(q_tokens) + " k " + std::to_string(k_tokens) +
               " start " + std::to_string(q_start) + " group " + std::to_string(group_heads) +
               " panel " + std::to_string(numbers.panel_keys);
    }
};

// Counts visits of (row, key) pairs of one sequence.
class Visits {
public:
    explicit Visits(const Case &c) : case_(c), variant_(variant_of(c.numbers)) {
        const lac_pattern pattern = lac::pattern(c.pattern);
        const lac_kernel kernel{sizeof(lac_kernel), reinterpret_cast<const lac_bundle *>(1),
                                &variant_, "test"};
        const lac_shape shape{sizeof(lac_shape), 1,       c.group_heads, 1, c.q_tokens, c.k_tokens,
                              nullptr,           nullptr, &case_.q_start};
        size_t bytes = 0;
        lac::check(lac_plan_bytes(&kernel, &pattern, &shape, &bytes));
        memory_ = lac::Memory(bytes);
        lac::check(lac_plan_init(&kernel, &pattern, &shape, memory_.data(), bytes, &plan_));
        scratch_memory_ = lac::Memory(lac_workspace_bytes(plan_, 1));
        count_.assign(static_cast<size_t>(c.q_tokens) * c.group_heads * c.k_tokens, 0);
        rows_.assign(static_cast<size_t>(c.q_tokens) * c.group_heads, 0);
        walk();
    }
    const lac_plan &plan() const { return *plan_; }
    int visits(int q, int g, int k) const {
        return count_[(static_cast<size_t>(q) * case_.group_heads + g) * case_.k_tokens + k];
    }
    int tiles_of(int q, int g) const {
        return rows_[static_cast<size_t>(q) * case_.group_heads + g];
    }
    std::string fault;

private:
    void walk() {
        const Workspace workspace(*plan_, 1, scratch_memory_.data());
        const Scratch scratch = workspace.scratch(0);
        const Layout &layout = plan_->layouts[0];
        for (int b = 0; b < layout.blocks; b++) {
            const TileBlock &block = plan_->blocks[layout.first_block + b];
            for (int t = 0; t < block.tiles; t++)
                walk_tile(scratch, layout, plan_->tiles[block.first_tile + t]);
        }
    }

    void walk_tile(const Scratch &scratch, const Layout &layout, const RowTile &tile) {
        for (int r = 0; r < tile.rows; r++) rows_[row_index(tile, r)]++;
        ItemWalk walk(*plan_, layout, tile);
        Batch batch;
        while (walk.next(scratch, variant_.fold_items, &batch)) {
            if (batch.items > variant_.fold_items || batch.slots > variant_.chunk)
                fault = "an item or batch is too large";
            for (int i = 0; i < batch.items; i++) visit_item(scratch, layout, tile, batch, i);
        }
    }

    size_t row_index(const RowTile &tile, int r) const {
        const int token = (tile.first_row + r) / case_.group_heads;
        const int position = tile.position + token * plan_->group[tile.group].row_stride;
        return static_cast<size_t>(position - case_.q_start) * case_.group_heads +
               (tile.first_row + r) % case_.group_heads;
    }

    void visit_item(const Scratch &s, const Layout &layout, const RowTile &tile, const Batch &batch,
                    int item) {
        const SegmentInfo &info = plan_->segment[batch.segment];
        std::map<int, int> edge_of_slot;
        for (int e = 0; e < batch.edges; e++)
            edge_of_slot[s.edges[item * variant_.chunk + e]] = item * variant_.chunk + e;
        int chunk_number = -1;
        for (int slot = 0; slot < batch.slots; slot++) {
            const int panels = layout.panels_per_residue[info.store];
            const int panel = s.panels[item * variant_.chunk + slot];
            const int residue = panel / panels, number = panel % panels / variant_.chunk;
            if (chunk_number >= 0 && number != chunk_number) fault = "an item crosses a chunk";
            chunk_number = number;
            const int first = residue + panel % panels * variant_.panel_keys * info.modulus;
            const auto edge = edge_of_slot.find(slot);
            const bool tested = edge != edge_of_slot.end();
            if (tested && s.first_keys[edge->second] != first) fault = "first_keys is wrong";
            if (!visit_panel(
                    tile, info.modulus, first,
                    tested ? s.words + ptrdiff_t{edge->second} * variant_.tile_rows : nullptr))
                fault = "a panel is visited in vain";
        }
    }

    bool visit_panel(const RowTile &tile, int step, int first, const uint32_t *words) {
        bool any = false;
        for (int r = 0; r < variant_.tile_rows; r++) {
            for (int lane = 0; lane < variant_.panel_keys; lane++) {
                const bool kept = words ? words[r] >> lane & 1 : r < tile.rows;
                if (!kept) continue;
                any = true;
                const int64_t key = first + static_cast<int64_t>(lane) * step;
                if (r >= tile.rows || key >= case_.k_tokens)
                    fault = "a pair outside the shape is kept";
                else
                    count_[row_index(tile, r) * case_.k_tokens + static_cast<size_t>(key)]++;
            }
        }
        return any;
    }

    Case case_;
    lac_variant variant_;
    lac::Memory memory_, scratch_memory_;
    const lac_plan *plan_ = nullptr;
    std::vector<int> count_, rows_;
};

// The first thing that is wrong, or nothing.
std::string check(const Case &c) {
    const Visits visits(c);
    if (!visits.fault.empty()) return c.describe() + ": " + visits.fault;
    const lac_pattern pattern = lac::pattern(c.pattern);
    int64_t attended = 0;
    for (int q = 0; q < c.q_tokens; q++) {
        for (int g = 0; g < c.group_heads; g++) {
            if (visits.tiles_of(q, g) != visits.plan().group_count)
                return c.describe() + ": row " + std::to_string(q) + " is in " +
                       std::to_string(visits.tiles_of(q, g)) + " tiles";
            for (int k = 0; k < c.k_tokens; k++) {
                const int want = attends(pattern, 0, c.q_start + q, k, c.k_tokens) ? 1 : 0;
                attended += want;
                if (visits.visits(q, g, k) != want) {
                    return c.describe() + ": pair (" + std::to_string(q) + ", " +
                           std::to_string(k) + ") is visited " +
                           std::to_string(visits.visits(q, g, k)) + " times, not " +
                           std::to_string(want);
                }
            }
        }
    }
    if (lac_plan_attended_pairs(&visits.plan()) != attended)
        return c.describe() + ": attended_pairs is wrong";
    return "";
}

// Every atom at and beyond the edges of the shapes.
std::vector<std::string> atom_texts() {
    std::vector<std::string> texts;
    for (uint32_t kind = 0; kind < kAtomKinds; kind++) {
        const Syntax &syntax = syntax_of(kind);
        for (const int value : {0, 1, 2, 7, 16, 17, 63, 64, 65, 1 << 30}) {
            std::string text = syntax.name;
            bool valid = syntax.count > 0 || value == 0;
            for (int i = 0; i < syntax.count; i++) {
                const int argument = i == 0 ? value : value % 5 + 1;
                valid = valid && argument >= syntax.parameter[i].least &&
                        argument <= syntax.parameter[i].most;
                text += (i == 0 ? ":" : ",") + std::to_string(argument);
            }
            if (valid) texts.push_back(text);
        }
    }
    return texts;
}

TEST(Plan, EnumeratesEveryAtomForAllShapesUpTo64) {
    for (const std::string &atom : atom_texts()) {
        for (const char *prefix : {"", "bidi/"}) {
            for (int k = 1; k <= 64; k++) {
                for (int q = 1; q <= k; q += 1 + (k > 20 ? q / 3 : 0)) {
                    const std::string fault = check({prefix + atom, q, k, k - q});
                    ASSERT_EQ(fault, "");
                }
            }
        }
    }
}

TEST(Plan, EnumeratesForOtherFormatsGroupsAndStarts) {
    const Numbers formats[] = {{8, 2, 4}, {32, 3, 12}, {16, 1, 1}};
    for (const std::string &atom : atom_texts()) {
        for (const Numbers &numbers : formats) {
            for (const int group : {1, 3, 16}) {
                for (const int k : {1, 15, 64, 70}) {
                    const int q = (k + 2) / 3, start = (k - q) / 2;
                    ASSERT_EQ(check({atom + "+sink:3+window:5", q, k, start, group, numbers}), "");
                    ASSERT_EQ(check({"bidi/" + atom, q, k, start, group, numbers}), "");
                }
            }
        }
    }
}

TEST(Plan, EnumeratesRandomUnions) {
    const std::vector<std::string> atoms = atom_texts();
    EXPECT_TRUE(rc::check("each pair once, for unions of one to four atoms", [&] {
        std::string text = *rc::gen::arbitrary<bool>() ? "bidi/" : "";
        const auto chosen = *rc::gen::unique<std::vector<std::string>>(
            static_cast<size_t>(*rc::gen::inRange(1, 5)), rc::gen::elementOf(atoms));
        for (size_t i = 0; i < chosen.size(); i++) text += (i ? "+" : "") + chosen[i];
        const int k = *rc::gen::inRange(1, 200), q = *rc::gen::inRange(1, k + 1);
        const int start = *rc::gen::inRange(0, k - q + 1);
        const Numbers numbers = *rc::gen::element(Numbers{16, 15, 16}, Numbers{8, 31, 16},
                                                  Numbers{16, 20, 12}, Numbers{32, 2, 6});
        const int group = *rc::gen::inRange(1, 17);
        RC_ASSERT(check({text, q, k, start, group, numbers}) == "");
    }));
}

// Work follows the kept keys: what is computed beyond them is the overhang of tiles and panels.
TEST(Plan, ComputesLittleMoreThanItKeeps) {
    const std::pair<const char *, double> limits[] = {{"window:256", 1.15},
                                                      {"dense", 1.02},
                                                      {"window:128+every:64", 1.4},
                                                      {"dilated:64,4", 1.35},
                                                      {"bidi/local:256,256+global:16", 1.1}};
    for (const auto &[text, limit] : limits) {
        const Visits visits({text, 2048, 2048, 0});
        const auto kept = static_cast<double>(lac_plan_attended_pairs(&visits.plan()));
        const auto computed = static_cast<double>(lac_plan_computed_pairs(&visits.plan()));
        EXPECT_LE(computed / kept, limit) << text;
    }
}

}  // namespace
}  // namespace lacuna
