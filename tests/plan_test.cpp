// A plan's items, expanded, visit exactly the pairs that attends() keeps, each once, and no panel
// in vain.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "tests/text.h"
#include "tests/visits.h"

namespace lacuna {
namespace {

std::string fault_of(const Case &c) {
    const Visits visits(c);
    if (!visits.fault.empty()) return c.describe() + ": " + visits.fault;
    const Sequence in = sequence_of(visits.shape(), visits.shape().lists, 0);
    int64_t attended = 0;
    for (int q = 0; q < c.q_tokens; q++) {
        for (int g = 0; g < c.group_heads; g++) {
            if (!visits.tiles_fit(q, g))
                return c.describe() + ": row " + std::to_string(q) + " is in other tiles";
            for (int k = 0; k < c.k_tokens; k++) {
                const int want =
                    attends(visits.pattern(), {g, c.q_start + q, k, c.k_tokens, in}) ? 1 : 0;
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

// The first thing that is wrong in either order, or nothing.
std::string check(Case c) {
    for (const bool own_order : {false, true}) {
        c.own_order = own_order;
        if (std::string fault = fault_of(c); !fault.empty()) return fault;
    }
    return "";
}

// Every atom at and beyond the edges of the shapes.
std::vector<std::string> atom_texts() {
    std::vector<std::string> texts;
    for (uint32_t kind = 0; kind < kAtomKinds; kind++) {
        const Syntax &syntax = syntax_of(kind);
        for (const int value : {0, 1, 2, 7, 16, 17, 63, 64, 65, 1 << 30}) {
            lac_atom atom{kind, {}, 0, 0};
            bool valid = syntax.count > 0 || value == 0;
            for (int i = 0; i < syntax.count; i++) {
                atom.arg[i] = i == 0 ? value : value % 5 + 1;
                valid = valid && atom.arg[i] >= syntax.parameter[i].least &&
                        atom.arg[i] <= syntax.parameter[i].most;
            }
            if (valid) texts.push_back(text_of(atom));
        }
    }
    return texts;
}

TEST(Plan, LetsPanelsTakeTurns) {
    for (const char *pattern : {"window:16", "sink:20+window:100", "bidi/local:30,30",
                                "dilated:16,4", "window:8+every:9", "block:32"}) {
        for (const Numbers &numbers :
             {Numbers{8, 31, 12}, Numbers{16, 15, 16}, Numbers{8, 15, 4}}) {
            const Case c{pattern, 1801, 2000, 199, 1, numbers};
            EXPECT_EQ(check(c), "");
            EXPECT_TRUE(Visits(c).plan().takes_turns) << c.describe();
        }
    }
    const Visits late({"sink:4+window:100", 50, 2000, 1950});
    EXPECT_EQ(late.plan().layouts[0].room[0].fixed, piece_panels(*late.plan().variant));
    EXPECT_EQ(late.plan().layouts[0].room[0].lowest, (1950 - 99) / 32 * 2);  // of a packing call
    EXPECT_FALSE(Visits({"dense", 1000, 1000, 0}).plan().takes_turns);
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
        bool reader = false;  // a union has one
        for (size_t i = 0; i < chosen.size(); i++) {
            const bool reads = row_reader(lac::pattern(chosen[i])) != nullptr;
            if (reads && reader) continue;
            reader = reader || reads;
            text += (i && text.back() != '/' ? "+" : "") + chosen[i];
        }
        const int k = *rc::gen::inRange(1, 200), q = *rc::gen::inRange(1, k + 1);
        const int start = *rc::gen::inRange(0, k - q + 1);
        const Numbers numbers = *rc::gen::element(Numbers{16, 15, 16}, Numbers{8, 31, 16},
                                                  Numbers{16, 20, 12}, Numbers{32, 2, 6});
        const int group = *rc::gen::inRange(1, 17);
        const bool own_lists = *rc::gen::arbitrary<bool>();
        RC_ASSERT(check({text, q, k, start, group, numbers, own_lists}) == "");
    }));
}

// heads(...) and lists of each query head, whose rows share tiles and must not share keys.
TEST(Plan, EnumeratesMixesOfHeads) {
    const char *const patterns[] = {"heads(0=window:9|1-2=dense|3=every:4)",
                                    "heads(0-1=dilated:3,4|2=sink:2+window:5)+global:3",
                                    "bidi/heads(0-2=mask:csr|3=local:4,9)+global:list",
                                    "heads(1=mask:pairs|2-3=strided:6)+window:2",
                                    "bidi/heads(0-1=topk:20,tile=4|2-3=topk:20,tile=4+block:10)"};
    for (const char *text : patterns) {
        for (const bool own_lists : {false, true}) {
            for (const Numbers &numbers : {Numbers{16, 15, 16}, Numbers{8, 2, 6}}) {
                const int group = lac::pattern(text).atom[2].end_head == 3 ? 3 : 4;
                ASSERT_EQ(check({text, 40, 70, 30, group, numbers, own_lists}), "");
                ASSERT_EQ(check({text, 31, 31, 0, group, numbers, own_lists}), "");
            }
        }
    }
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

TEST(Plan, BlocksWaitForThePanelsThatTheyRead) {
    for (const char *text :
         {"dense", "window:20", "every:40+window:16", "strided:5+window:9", "dilated:3,200",
          "sink:4+window:300", "bidi/local:30,30", "bidi/dense", "bidi/global:4+local:300,9"}) {
        EXPECT_EQ(Visits({text, 1500, 1500, 0}).fault, "") << text;
        EXPECT_EQ(Visits({text, 100, 1500, 1400}).fault, "") << text;
    }
}

// Atoms of contiguous keys share their panels, whichever comes first.
TEST(Plan, TheOrderOfContiguousAtomsCostsNothing) {
    const std::pair<const char *, const char *> pairs[] = {
        {"sink:4+window:64", "window:64+sink:4"},
        {"bidi/global:4+local:32,32", "bidi/local:32,32+global:4"},
        {"bidi/global:16+window:40+block:64", "bidi/block:64+window:40+global:16"}};
    for (const auto &[a, b] : pairs) {
        for (const int tokens : {1, 16, 32, 64, 128, 300}) {
            const Visits first({a, tokens, tokens, 0}), second({b, tokens, tokens, 0});
            EXPECT_EQ(first.plan().segment_count, 1) << a;
            EXPECT_EQ(lac_plan_computed_pairs(&first.plan()),
                      lac_plan_computed_pairs(&second.plan()))
                << a << " at " << tokens;
            EXPECT_EQ(first.items(), second.items()) << a << " at " << tokens;
        }
    }
}

// A pattern that spares nothing in so short a sequence does what dense does: panels and items.
TEST(Plan, ShortUnionsDoNoMoreThanDense) {
    for (const char *text : {"sink:4+window:64", "window:64+sink:4", "block:16+sink:2+dense",
                             "bidi/local:32,32+global:4", "bidi/global:20+local:32,32"}) {
        for (const int tokens : {16, 32, 64}) {
            const Visits visits({text, tokens, tokens, 0});
            const Visits dense({visits.pattern().bidi ? "bidi/dense" : "dense", tokens, tokens, 0});
            EXPECT_LE(lac_plan_computed_pairs(&visits.plan()),
                      lac_plan_computed_pairs(&dense.plan()))
                << text << " at " << tokens;
            EXPECT_LE(visits.items(), dense.items()) << text << " at " << tokens;
        }
    }
}

}  // namespace
}  // namespace lacuna
