// An atom's definition means the same in every number domain, and its hints are safe: int64_t is
// the definition, Lanes and Span are what the plan decides by.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "tests/pair.h"

namespace {

using namespace lacuna;
using Random = std::mt19937_64;

constexpr int64_t kEdges[] = {0, 1, 2, 3, 5, 16, 64, LAC_MAX_ARGUMENT};

int64_t pick(Random &random, int64_t first, int64_t last) {
    return first + static_cast<int64_t>(random() % static_cast<uint64_t>(last - first + 1));
}

bool in_ranges(const KeyRanges &ranges, int64_t key) {
    for (int i = 0; i < ranges.count; i++)
        if (ranges.range[i].first <= key && key < ranges.range[i].end) return true;
    return false;
}

// Every parameter at every edge; with many parameters, at a few.
std::vector<lac_atom> atoms_of(uint32_t kind) {
    const Syntax &syntax = syntax_of(kind);
    std::vector<lac_atom> atoms = {lac_atom{kind, {}, 0, 0}};
    for (int i = 0; i < syntax.count; i++) {
        std::vector<lac_atom> longer;
        const size_t step = syntax.count > 2 ? 3 : 1;
        for (lac_atom atom : atoms) {
            for (size_t e = static_cast<size_t>(i) % step; e < std::size(kEdges); e += step) {
                atom.arg[i] = static_cast<int32_t>(
                    std::min<int64_t>(std::max<int64_t>(kEdges[e], syntax.parameter[i].least),
                                      syntax.parameter[i].most));
                longer.push_back(atom);
            }
        }
        atoms = longer;
    }
    return atoms;
}

std::vector<lac_atom> all_atoms() {
    std::vector<lac_atom> all;
    for (uint32_t kind = 0; kind < kAtomKinds; kind++)
        for (const lac_atom &atom : atoms_of(kind)) all.push_back(atom);
    return all;
}

lac_pattern union_of(const std::vector<lac_atom> &atoms, bool bidi) {
    lac_pattern p = {};
    p.size = sizeof p;
    p.bidi = bidi;
    for (const lac_atom &atom : atoms) p.atom[p.atom_count++] = atom;
    return p;
}

// Every atom alone, then unions of up to all that fit; each causal and bidi.
std::vector<lac_pattern> patterns(int unions) {
    const std::vector<lac_atom> all = all_atoms();
    std::vector<lac_pattern> made;
    for (const lac_atom &atom : all)
        for (bool bidi : {false, true}) made.push_back(union_of({atom}, bidi));
    Random random(7);
    for (int i = 0; i < unions; i++) {
        std::vector<lac_atom> atoms(static_cast<size_t>(pick(random, 2, LAC_MAX_ATOMS)));
        for (lac_atom &atom : atoms) atom = all[random() % all.size()];
        made.push_back(union_of(atoms, random() % 2));
    }
    return made;
}

std::string described(const lac_pattern &p) {
    std::string text = p.bidi ? "bidi/" : "";
    for (uint32_t i = 0; i < p.atom_count; i++) {
        const Syntax &syntax = syntax_of(p.atom[i].kind);
        text += std::string(i > 0 ? "+" : "") + syntax.name;
        for (int j = 0; j < syntax.count; j++)
            text += (j == 0 ? ":" : ",") + std::to_string(p.atom[i].arg[j]);
    }
    return text;
}
std::string described(Span x) {
    return std::to_string(x.lo) + "…" + std::to_string(x.hi) + " by " + std::to_string(x.step);
}

bool owned_pair(const lac_pattern &p, const Owner &owner, int64_t q, int64_t k, int64_t n) {
    return owned<int64_t>(p, owner, {0, q, k, n, kPlainSequence});
}

// The one that has to look at all others.
Owner last_owner(const lac_pattern &p) {
    const Owners all = owners_of(p);
    return all.owner[all.count - 1];
}

// Does any (or every) value of the progression satisfy it?
template <class Holds>
Maybe over(Span x, Holds holds) {
    Maybe truth = Maybe::of(false, false);
    for (int64_t i = 0, count = x.single() ? 1 : (x.hi - x.lo) / x.step + 1; i < count; i++) {
        const bool held = holds(x.lo + i * x.step);
        truth = Maybe::of(truth.can_hold || held, truth.can_fail || !held);
    }
    return truth;
}
template <class Holds>
Maybe over_pairs(Span rows, Span keys, Holds holds) {
    Maybe truth = Maybe::of(false, false);
    over(rows, [&](int64_t q) {
        const Maybe row = over(keys, [&](int64_t k) { return holds(q, k); });
        truth = Maybe::of(truth.can_hold || row.can_hold, truth.can_fail || row.can_fail);
        return true;
    });
    return truth;
}
bool decided(Maybe m) { return m.always() || m.never(); }

void expect_lanes_agree(const lac_pattern &p, int64_t q, int64_t first, int64_t step, int64_t n) {
    const Owner owner = last_owner(p);
    const Lanes head = Lanes::one(0), row = Lanes::one(q), end = Lanes::one(n);
    const uint32_t word =
        owned<Lanes>(p, owner, {head, row, Lanes::from(first, step), end, kPlainSequence}).word();
    for (int i = 0; i < kLanes; i++)
        ASSERT_EQ((word >> i) & 1, uint32_t{owned_pair(p, owner, q, first + i * step, n)})
            << described(p) << " q=" << q << " k=" << first + i * step << " n=" << n
            << " first=" << first << " step=" << step;
}

// Positions near zero, where patterns are busy, and near the largest ones.
int64_t any_position(Random &random) {
    const int64_t near = pick(random, 0, 130);
    return random() % 4 == 0 ? LAC_MAX_ARGUMENT - 1 - near : near;
}

TEST(Domain, LanesAgreeWithIntegers) {
    Random random(1);
    for (const lac_pattern &p : patterns(300)) {
        for (int64_t step : kEdges) {
            if (step == 0) continue;
            for (int i = 0; i < 12; i++) {
                const int64_t q = any_position(random), first = any_position(random);
                const auto n = larger<int64_t>(any_position(random), 1);
                ASSERT_NO_FATAL_FAILURE(expect_lanes_agree(p, q, first, step, n));
                ASSERT_NO_FATAL_FAILURE(expect_lanes_agree(p, q, first, step, LAC_MAX_ARGUMENT));
            }
        }
    }
}

// Neither divides; both stand in for a division, near every multiple and at the largest lanes.
TEST(Domain, LanesDivideExactly) {
    Random random(4);
    for (int i = 0; i < 20000; i++) {
        const int64_t step = 1 + pick(random, 0, LAC_MAX_ARGUMENT - 1) % (int64_t{1} << (i % 31));
        const int64_t multiple = pick(random, 0, INT32_MAX / step) * step;
        const auto first = smaller<int64_t>(multiple, INT32_MAX - kLanes);
        const Lanes up = Lanes::from(first, 1), down = Lanes::from(-first, -1);
        const Bits divided = divides(step, up), divided_below = divides(step, down);
        const Lanes block = block_of(up, step);
        for (int j = 0; j < kLanes; j++) {
            ASSERT_EQ(divided.lane[j], divides(step, first + j)) << first + j << " by " << step;
            ASSERT_EQ(divided_below.lane[j], divides(step, -first - j)) << -first - j;
            ASSERT_EQ(block.lane[j], block_of(first + j, step)) << first + j << " by " << step;
        }
    }
}

Span any_span(Random &random, int64_t step) {
    const int64_t lo = any_position(random), count = pick(random, 1, 9);
    return {lo, lo + (count - 1) * step, step};
}
int64_t any_step(Random &random) {
    constexpr int64_t steps[] = {1, 1, 1, 2, 3, 4, 5, 10, 16, 64};
    return steps[random() % 10];
}

TEST(Domain, SpansNeverClaimTooMuch) {
    Random random(2);
    int claims = 0;
    for (const lac_pattern &p : patterns(500)) {
        for (int i = 0; i < 60; i++) {
            const Span rows = any_span(random, any_step(random));
            const Span keys = any_span(random, any_step(random));
            const int64_t n = random() % 2 ? LAC_MAX_ARGUMENT : pick(random, 1, 200);
            const Owner owner = last_owner(p);
            const Maybe claim =
                owned<Span>(p, owner, {Span::one(0), rows, keys, Span::one(n), kPlainSequence});
            const Maybe truth = over_pairs(
                rows, keys, [&](int64_t q, int64_t k) { return owned_pair(p, owner, q, k, n); });
            ASSERT_TRUE(claim.can_hold || !truth.can_hold)
                << described(p) << " " << described(rows) << " x " << described(keys);
            ASSERT_TRUE(claim.can_fail || !truth.can_fail)
                << described(p) << " " << described(rows) << " x " << described(keys);
            claims += decided(claim);
        }
    }
    EXPECT_GT(claims, 10000);  // an always undecided domain would be safe, and useless
}

// The promise that lets a tile of one residue class skip other classes and need no mask.
TEST(Domain, DivisibilityIsDecidedWithinAResidueClass) {
    Random random(3);
    for (const lac_atom &atom : all_atoms()) {
        const int64_t modulus = segment_of(atom).modulus;
        for (int i = 0; i < 200; i++) {
            const Span rows = any_span(random, pick(random, 1, 3) * modulus);
            const Span keys = any_span(random, pick(random, 1, 3) * modulus);
            for (Span x : {rows, keys, rows - keys}) {
                const Maybe claim = divides(modulus, x);
                ASSERT_TRUE(decided(claim)) << described(x) << " by " << modulus;
                const bool divided = divides(modulus, x.lo);
                ASSERT_EQ(claim.always(), divided) << described(x) << " by " << modulus;
            }
        }
    }
}

// A row alone, as in decode, is as good as a residue class, whatever step its tile claims.
TEST(Domain, ASingleRowHasNoStep) {
    for (int64_t q = 0; q < 12; q++) {
        const Span keys{1, 41, 4}, apart = Span{q, q, 1} - keys;
        EXPECT_TRUE(decided(divides(4, apart))) << q;
        EXPECT_EQ(divides(4, apart).always(), (q - 1) % 4 == 0) << q;
        EXPECT_EQ(divides(6, apart).never(), (q - 1) % 2 != 0) << q;
    }
}

TEST(Domain, KeyHintsContainEveryAttendedKey) {
    constexpr int64_t n = 64;
    for (const lac_pattern &p : patterns(0)) {
        for (int64_t first = 0; first < n; first++) {
            for (int64_t last : {first, smaller(first + 3, n - 1), n - 1}) {
                const KeyRanges hint = keys_of(p.atom[0], {first, last, n, 0});
                for (int64_t q : {first, (first + last) / 2, last}) {
                    for (int64_t k = 0; k < n; k++)
                        ASSERT_TRUE(!attends_at(p, q, k, n) || in_ranges(hint, k))
                            << described(p) << " q=" << q << " k=" << k << " rows " << first << "…"
                            << last;
                }
            }
        }
    }
}

// Ranges that overlap are one; with no room for another, one covers all.
TEST(Domain, HintsOfSeveralAtomsAscend) {
    Random random(6);
    for (int count : {1, 3, 39, 40, 41, 60}) {
        for (int round = 0; round < 200; round++) {
            KeyRanges joined;
            bool added[400] = {};
            for (int i = 0; i < count; i++) {
                const int64_t first = pick(random, 0, 390), end = first + pick(random, 1, 9);
                joined.join({first, end});
                for (int64_t k = first; k < end; k++) added[k] = true;
            }
            int64_t after = 0, wide = 0;
            for (int i = 0; i < joined.count; i++) {
                ASSERT_GE(joined.range[i].first, after);
                after = joined.range[i].end;
            }
            for (int64_t k = 0; k < 400; k++) {
                ASSERT_TRUE(!added[k] || in_ranges(joined, k));
                wide += !added[k] && in_ranges(joined, k);
            }
            if (count <= KeyRanges::kMost) {
                ASSERT_EQ(wide, 0);
            }
        }
    }
}

TEST(Domain, AtomsOfTheSamePanelsAndRowsAreOneOwner) {
    const auto atom = [](uint32_t kind, int32_t a = 0, int32_t b = 0) {
        return lac_atom{kind, {a, b}, 0, 0};
    };
    const Owners all =
        owners_of(union_of({atom(kSink, 4), atom(kEvery, 8), atom(kWindow, 64),
                            atom(kDilated, 9, 8), atom(kStrided, 8), atom(kEvery, 1)},
                           false));
    ASSERT_EQ(all.count, 3);
    const AtomSet atoms[] = {0b100101, 0b000010, 0b011000}, earlier[] = {0, 0b100101, 0b100111};
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(all.owner[i].atoms, atoms[i]);
        EXPECT_EQ(all.owner[i].earlier, earlier[i]);
    }
    // Lists are not panels.
    EXPECT_EQ(owners_of(union_of({atom(kMaskCsr), atom(kGlobalList), atom(kTopK, 8)}, true)).count,
              3);
}

TEST(Domain, OwnersPartitionTheAttendedPairs) {
    Random random(5);
    for (const lac_pattern &p : patterns(1500)) {
        const Owners all = owners_of(p);
        const int64_t n = pick(random, 1, 40);
        for (int64_t q = 0; q < n; q++) {
            for (int64_t k = 0; k < n + 2; k++) {
                int owners = 0;
                for (int i = 0; i < all.count; i++) owners += owned_pair(p, all.owner[i], q, k, n);
                ASSERT_EQ(owners, attends_at(p, q, k, n))
                    << described(p) << " q=" << q << " k=" << k << " n=" << n;
            }
        }
    }
}

TEST(Domain, AKeyStillSeenIsRetained) {
    constexpr int64_t n = 64;
    int dropped = 0;
    for (const lac_pattern &p : patterns(1500)) {
        if (p.bidi) continue;
        for (int64_t k = 0; k < n; k++) {
            bool seen = false;  // by any query from `now` on
            for (int64_t now = n - 1; now >= k; now--) {
                seen = seen || attends_at(p, now, k, n);
                ASSERT_TRUE(!seen || retained(p, k, now))
                    << described(p) << " k=" << k << " now=" << now;
                dropped += !retained(p, k, now);
            }
        }
    }
    EXPECT_GT(dropped, 10000);
}

}  // namespace
