// Items whose keys are listed one by one, called as the runtime calls them, against float64.
#include <cstring>
#include <limits>

#include "runtime/carver.h"
#include "runtime/panels.h"
#include "tests/listed.h"

namespace lacuna {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

struct Sizes {
    int items = 1, keys = 1;  // of each item
    bool contiguous = false, masked = false;
    float softcap = 0;
    Flush flush = Flush::kBack;
    unsigned seed = 1;
};

// A batch of items with a list each. In edge panels a row keeps the keys whose bits say so.
class Batch {
public:
    static constexpr int kTokens = 700;

    Batch(const lac_variant &v, int rows, const Sizes &n)
        : v_(v),
          n_(n),
          slots_((n.keys + v.panel_keys - 1) / v.panel_keys),
          rows_(rows),
          random_(n.seed),
          q(rows_ * n.items, v.head_dim, 2 / std::sqrt(float(v.head_dim)), n.flush, n.seed),
          k(kTokens, v.head_dim, 1, n.flush, n.seed + 1, v.key_type),
          v(kTokens, v.value_dim, 1, n.flush, n.seed + 2, v.value_type),
          tokens_(sizeof(int32_t) * ((n.items - 1) * v.chunk + slots_) * v.panel_keys, n.flush) {
        std::vector<int32_t> all(kTokens);
        for (int i = 0; i < kTokens; i++) all[size_t(i)] = i;
        for (int item = 0; item < n.items; item++) {
            if (!n.contiguous) std::shuffle(all.begin(), all.end(), random_);
            for (int i = 0; i < slots_ * v.panel_keys; i++)
                token(item, i) = all[size_t(std::min(i, n.keys - 1))];
        }
        choose_edges();
    }

    // Runs gather, or partial on packed copies of the same keys.
    std::vector<float> run(bool careful) { return call(careful, nullptr); }
    std::vector<float> run_packed(bool careful) {
        const int panels = (kTokens + v_.panel_keys - 1) / v_.panel_keys;
        Carver sizes(nullptr);
        carve_store(sizes, v_, panels);
        // Aligned, as the runtime keeps them: 32-bit ARM faults where they are not.
        const Guarded memory(sizes.used(), Flush::kFront);
        Carver carver(memory.data());
        const PackedStore store = carve_store(carver, v_, panels);
        pack_keys(v_, store, 0, panels, k.token_rows(), nullptr);
        pack_values(v_, store, 0, panels, v.token_rows());
        return call(careful, &store);
    }

    const float *row(const std::vector<float> &out, int item, int r) const {
        return &out[(size_t(item) * v_.tile_rows + size_t(r)) * v_.partial_row];
    }
    void expect_right(const std::vector<float> &out) const {
        for (int item = 0; item < n_.items; item++) {
            for (int r = 0; r < rows_; r++) {
                const WantedRow want =
                    attend_to(q, item * rows_ + r, k, v, kept(item, r), n_.softcap);
                expect_row(want, row(out, item, r), v_,
                           "item " + std::to_string(item) + " row " + std::to_string(r));
            }
            for (int r = rows_; r < v_.tile_rows; r++)
                for (int d = 0; d < v_.partial_row; d++)
                    ASSERT_EQ(row(out, item, r)[d], -7.0f) << "a row past the tile was written";
        }
    }
    std::vector<int32_t> kept(int item, int r) const {
        std::vector<int32_t> keys;
        for (int i = 0; i < slots_ * v_.panel_keys; i++)
            if (keeps(item, r, i)) keys.push_back(token(item, i));
        return keys;
    }
    int32_t &token(int item, int i) const {
        return static_cast<int32_t *>(tokens_.data())[item * v_.chunk * v_.panel_keys + i];
    }
    // The key at place i of every item's list is masked for all rows, or for odd ones.
    void mask(int i, bool odd_rows_only) {
        const int edge = edge_of(i / v_.panel_keys);
        for (int item = 0; item < n_.items; item++)
            for (int r = 0; r < v_.tile_rows; r += 1 + odd_rows_only)
                word(item, edge, r + odd_rows_only * (r + 1 < v_.tile_rows)) &=
                    ~(1u << (i % v_.panel_keys));
    }
    int rows() const { return rows_; }

private:
    // The last panel, for what lies past the list, and the first.
    void choose_edges() {
        edges_ = {slots_ - 1};
        if (slots_ > 1) edges_.push_back(0);
        words_.assign(size_t(n_.items) * v_.chunk * v_.tile_rows, ~0u);
        for (int item = 0; item < n_.items; item++) {
            for (size_t e = 0; e < edges_.size(); e++) {
                for (int r = 0; r < v_.tile_rows; r++) {
                    uint32_t &bits = word(item, int(e), r);
                    if (n_.masked) bits = r == 1 && slots_ <= 2 ? 0 : uint32_t(random_());
                    const int past = slots_ * v_.panel_keys - n_.keys;
                    if (e == 0) bits &= (1u << (v_.panel_keys - past - 1) << 1) - 1;
                }
            }
        }
    }
    uint32_t &word(int item, int edge, int r) {
        return words_[(size_t(item) * v_.chunk + size_t(edge)) * v_.tile_rows + size_t(r)];
    }
    int edge_of(int slot) const {
        const auto at = std::find(edges_.begin(), edges_.end(), slot);
        return at == edges_.end() ? -1 : int(at - edges_.begin());
    }
    bool keeps(int item, int r, int i) const {
        const int edge = edge_of(i / v_.panel_keys);
        return edge < 0 ||
               (const_cast<Batch *>(this)->word(item, edge, r) >> (i % v_.panel_keys) & 1) != 0;
    }

    std::vector<float> call(bool careful, const PackedStore *packed) {
        const auto edge_count = static_cast<int32_t>(edges_.size());
        std::vector<int32_t> edges, tiles, panels;
        std::vector<float> queries;
        for (int item = 0; item < n_.items; item++) {
            tiles.push_back(item);
            edges.insert(edges.end(), edges_.begin(), edges_.end());
            for (int slot = 0; slot < slots_; slot++) panels.push_back(slot);
            for (int r = 0; r < rows_; r++)
                for (int d = 0; d < v_.head_dim; d++) queries.push_back(q.at(item * rows_ + r, d));
        }
        std::vector<float> out(size_t(n_.items) * v_.tile_rows * v_.partial_row, -7.0f);
        View<3> q_view(queries.data(), Dim{v_.head_dim, 1}, Dim{rows_, v_.head_dim},
                       Dim{n_.items, rows_ * v_.head_dim});
        View<3> listed(static_cast<int32_t *>(tokens_.data()), Dim{v_.panel_keys, 1},
                       Dim{slots_, v_.panel_keys}, Dim{n_.items, v_.chunk * v_.panel_keys});
        View<2> panel_view(panels.data(), Dim{slots_, 1}, Dim{n_.items, slots_});
        View<1> tile_view(tiles.data(), Dim{n_.items, 1});
        View<2> edge_view(edges.data(), Dim{edge_count, 1}, Dim{n_.items, edge_count});
        View<3> words(words_.data(), Dim{rows_, 1}, Dim{edge_count, v_.tile_rows},
                      Dim{n_.items, v_.chunk * v_.tile_rows});
        View<3> parts(out.data(), Dim{v_.partial_row, 1}, Dim{rows_, v_.partial_row},
                      Dim{n_.items, v_.tile_rows * v_.partial_row});
        Unbiased none(rows_);
        View<1> slopes(none.zeros.data(), Dim{rows_, 1});
        View<2> positions(none.integers.data(), Dim{rows_, 1}, Dim{n_.items, 0});
        if (packed) {
            const auto count = static_cast<int32_t>(packed->panels);
            View<3> keys = key_panels(v_, *packed);
            View<4> values = value_panels(v_, *packed);
            View<2> key_scales = panel_scales(v_, packed->key_scales, 0, count),
                    value_scales = panel_scales(v_, packed->value_scales, 0, count),
                    first_keys(panels.data(), Dim{slots_, 1}, Dim{n_.items, 0});
            v_.partial_words(&q_view, &keys, &key_scales, &values, &value_scales, &panel_view,
                             &tile_view, &edge_view, slots_, edge_count, n_.softcap, careful, true,
                             &slopes, &positions, &first_keys, 1, &words, &parts);
            return out;
        }
        View<2> keys = k.view(), values = v.view();
        View<1> key_scales = k.scale_view(), value_scales = v.scale_view();
        gather()(&q_view, &keys, &key_scales, &values, &value_scales, &listed, &tile_view,
                 &edge_view, slots_, edge_count, n_.softcap, careful, true, &slopes, &positions,
                 &words, &parts);
        return out;
    }

    GatherFn gather() const { return rows_ == v_.few_rows ? v_.gather_few : v_.gather; }

    const lac_variant &v_;
    Sizes n_;
    int slots_, rows_;
    std::mt19937 random_;

public:
    Rows q, k, v;

private:
    Guarded tokens_;
    std::vector<int32_t> edges_;  // slots
    std::vector<uint32_t> words_;
};

uint32_t bits_of(float x) {
    uint32_t bits = 0;
    std::memcpy(&bits, &x, sizeof bits);
    return bits;
}

void expect_same(const std::vector<float> &a, const std::vector<float> &b) {
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); i++)
        ASSERT_EQ(bits_of(a[i]), bits_of(b[i])) << i << ": " << a[i] << " " << b[i];
}

TEST_P(ListedKeys, GatherAgreesWithFloat64) {
    const lac_variant &v = variant();
    const int most = v.panel_keys * v.chunk;
    unsigned seed = 1;
    for (const int keys : {1, 5, v.panel_keys, v.panel_keys + 1, 3 * v.panel_keys - 1, most}) {
        for (const int rows : {v.tile_rows, v.few_rows}) {
            for (const bool masked : {false, true}) {
                Sizes n;
                n.items = 1 + int(seed) % 3;
                n.keys = keys;
                n.masked = masked;
                n.softcap = seed % 4 == 3 ? 5.0f : 0.0f;
                n.flush = seed % 2 ? Flush::kFront : Flush::kBack;
                n.seed = seed++;
                Batch batch(v, rows, n);
                batch.expect_right(batch.run(seed % 5 == 0));
            }
        }
    }
}

// The same keys in the same panels are summed in the same order, packed or not.
TEST_P(ListedKeys, GatherGivesTheBitsOfPackedKeys) {
    for (const int keys : {1, 43, variant().panel_keys * variant().chunk}) {
        Sizes n;
        n.keys = keys;
        n.contiguous = n.masked = true;
        Batch batch(variant(), variant().tile_rows, n);
        // Packed integers meet rounded queries and weights, as do keys of arithmetic in f16.
        const bool rounds = variant().key_type == LAC_I8 || variant().value_type == LAC_I8 ||
                            variant().arithmetic == LAC_F16;
        if (!rounds) expect_same(batch.run(false), batch.run_packed(false));
    }
}

// Nor does it matter how many rows share a tile.
TEST_P(ListedKeys, FewRowsGiveTheBitsOfMany) {
    const lac_variant &v = variant();
    Sizes n;
    n.keys = v.panel_keys * 3 + 5;
    n.masked = false;
    const std::vector<float> many = Batch(v, v.tile_rows, n).run(false);
    std::vector<float> few = Batch(v, v.few_rows, n).run(false);
    few.resize(static_cast<size_t>(v.few_rows) * v.partial_row);
    expect_same(few, {many.begin(), many.begin() + static_cast<ptrdiff_t>(few.size())});
}

TEST_P(ListedKeys, MaskedPoisonChangesNoBit) {
    const lac_variant &v = variant();
    for (const int rows : {v.tile_rows, v.few_rows}) {
        Sizes n;
        n.keys = variant().panel_keys * 2 + 3;
        Batch batch(v, rows, n);
        batch.mask(2, false);
        const std::vector<float> clean = batch.run(true);
        expect_same(clean, batch.run(false));
        const int32_t bad = batch.token(0, 2);
        for (int d = 0; d < batch.k.features(); d++) batch.k.at(bad, d) = d % 2 ? kInf : kNan;
        for (int d = 0; d < batch.v.features(); d++) batch.v.at(bad, d) = d % 2 ? kNan : -kInf;
        expect_same(clean, batch.run(true));
    }
}

// A kept key that is not finite shows in rows that keep it, without the careful path as K goes.
TEST_P(ListedKeys, KeptPoisonReachesOnlyRowsThatKeepIt) {
    for (const float poison : {kNan, kInf, -kInf}) {
        Sizes n;
        n.keys = variant().panel_keys + 4;
        Batch batch(variant(), variant().tile_rows, n);
        batch.mask(1, true);
        const std::vector<float> clean = batch.run(false);
        const int32_t bad = batch.token(0, 1);
        batch.k.at(bad, 0) = poison;
        const std::vector<float> got = batch.run(false);
        for (int r = 0; r < batch.rows(); r++) {
            const std::vector<int32_t> kept = batch.kept(0, r);
            const bool sees = std::count(kept.begin(), kept.end(), bad) > 0;
            for (int d = 0; d < batch.v.features(); d++) {
                const float x = batch.row(got, 0, r)[d];
                if (sees)
                    EXPECT_FALSE(std::isfinite(x)) << "row " << r;
                else
                    EXPECT_EQ(x, batch.row(clean, 0, r)[d]) << "row " << r;
            }
        }
    }
}

INSTANTIATE_TEST_SUITE_P(All, ListedKeys, kernels_on_tiers(for_any_pattern), kernel_on_tier_name);

}  // namespace
}  // namespace lacuna
