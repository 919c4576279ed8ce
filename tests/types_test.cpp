// Element types: what is read, rounded and packed, bit by bit, on every tier.
#include <gtest/gtest.h>

#include <cfloat>
#include <cmath>
#include <limits>

#include "tests/narrow.h"

namespace lacuna {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr int kValues = 1 << 16;  // of a 16-bit type

struct Format {
    lac_type type;
    uint16_t infinity;
};
constexpr Format kF16{LAC_F16, 0x7c00}, kBf16{LAC_BF16, 0x7f80};

float float_of(uint32_t bits) {
    float x = 0;
    std::memcpy(&x, &bits, sizeof x);
    return x;
}
uint32_t bits_of(float x) {
    uint32_t bits = 0;
    std::memcpy(&bits, &x, sizeof bits);
    return bits;
}
bool is_nan(uint16_t bits, const Format &f) { return (bits & 0x7fff) > f.infinity; }

TEST(Reference, KnownValues) {
    const struct {
        const Format &format;
        uint16_t bits;
        float value;
    } rows[] = {{kF16, 0x3c00, 1},          {kF16, 0xc000, -2},         {kF16, 0x7bff, 65504},
                {kF16, 0x0400, 0x1p-14f},   {kF16, 0x03ff, 0x3ffp-24f}, {kF16, 0x0001, 0x1p-24f},
                {kF16, 0x3555, 0x555p-12f}, {kF16, 0xfc00, -kInfinity}, {kBf16, 0x3f80, 1},
                {kBf16, 0x4049, 3.140625f}, {kBf16, 0x0001, 0x1p-133f}, {kBf16, 0x7f80, kInfinity}};
    for (const auto &row : rows) {
        EXPECT_EQ(widened(row.bits, row.format.type), row.value) << row.bits;
        EXPECT_EQ(rounded(row.value, row.format.type), row.bits) << row.value;
    }
    EXPECT_TRUE(std::isnan(widened(0x7c01, LAC_F16)));
    EXPECT_TRUE(std::signbit(widened(0x8000, LAC_F16)));
    for (int bits = 0; bits < kValues; bits++) {  // bfloat16 is the upper half of a float
        if (is_nan(uint16_t(bits), kBf16)) continue;
        ASSERT_EQ(bits_of(widened(uint16_t(bits), LAC_BF16)), uint32_t(bits) << 16);
    }
}

// Each number, those around the middle to the next one, and where they must go. The last middle is
// that to the first number past the range.
struct Rounding {
    float from;
    uint16_t to;
};
std::vector<Rounding> roundings(const Format &f) {
    std::vector<Rounding> all;
    for (int bits = 0; bits < f.infinity; bits++) {
        const double low = widened(uint16_t(bits), f.type);
        const double below = bits ? widened(uint16_t(bits - 1), f.type) : -low;
        const double high =
            bits + 1 < f.infinity ? widened(uint16_t(bits + 1), f.type) : low + (low - below);
        const double middle = low + (high - low) / 2;
        const auto even = uint16_t(bits + bits % 2);
        const auto add = [&](float x, int to) {
            if (!std::isfinite(x)) return;
            all.push_back({x, uint16_t(to)});
            all.push_back({-x, uint16_t(to | 0x8000)});
        };
        const auto m = static_cast<float>(middle);
        add(static_cast<float>(low), bits);
        if (m != middle) continue;  // bfloat16's least: no float lies between
        add(m, even);
        add(std::nextafter(m, 0.0f), bits);
        add(std::nextafter(m, kInfinity), bits + 1);
    }
    for (const float x : {0.0f, FLT_TRUE_MIN, FLT_MIN, FLT_MAX, kInfinity})
        for (const float sign : {1.0f, -1.0f}) all.push_back({sign * x, rounded(sign * x, f.type)});
    return all;
}

TEST(Reference, RoundsToNearestEven) {
    for (const Format &f : {kF16, kBf16}) {
        const std::vector<Rounding> all = roundings(f);
        EXPECT_GT(all.size(), size_t{6} * (f.infinity - 200));
        for (const Rounding &r : all) ASSERT_EQ(rounded(r.from, f.type), r.to) << r.from;
    }
    EXPECT_EQ(rounded(65520, LAC_F16), kF16.infinity);
    EXPECT_EQ(rounded(65519.996f, LAC_F16), 0x7bff);
    EXPECT_EQ(rounded(FLT_MAX, LAC_BF16), kBf16.infinity);
}

// ---- every kernel with a 16-bit type, on every tier

const Format *format_of(lac_type type) {
    if (type == LAC_F32 || type == LAC_I8) return nullptr;
    return type == LAC_F16 ? &kF16 : &kBf16;
}

// Packed by pack_queries, as many rows as a tile has at a time.
std::vector<float> widened_by(const lac_variant &v, std::vector<uint16_t> from) {
    const int d = v.head_dim;
    from.resize((from.size() + size_t(d) - 1) / size_t(d) * size_t(d));
    std::vector<float> to(from.size());
    const int rows = static_cast<int>(from.size()) / d;
    std::vector<int32_t> offsets;
    for (int r = 0; r < v.tile_rows; r++) offsets.push_back(r * d);
    for (int row = 0; row < rows; row += v.tile_rows) {
        const int count = std::min(rows - row, v.tile_rows);
        uint8_t nonfinite = 0;
        View<1> source(Elements{reinterpret_cast<uint8_t *>(&from[size_t(row) * d]), v.type},
                       Dim{count * d, 1});
        View<1> offset(offsets.data(), Dim{count, 1}), flag(&nonfinite, Dim{1, 1});
        View<2> packed(&to[size_t(row) * d], Dim{d, 1}, Dim{count, d});
        std::vector<float> ones(size_t(d), 1.0f);
        View<1> factor(ones.data(), Dim{d, 1});
        v.pack_queries(&source, &offset, count, 1.0f, &factor, &packed, &flag);
    }
    return to;
}

TEST_P(Types, QueriesAreWidenedExactly) {
    const Format *f = format_of(entry().type);
    if (!f) return;
    std::vector<uint16_t> all;
    for (int bits = 0; bits < kValues; bits++) all.push_back(uint16_t(bits));
    const std::vector<float> got = widened_by(*kernel().variant, all);
    for (int bits = 0; bits < kValues; bits++) {
        if (is_nan(uint16_t(bits), *f))
            ASSERT_TRUE(std::isnan(got[size_t(bits)])) << bits;
        else
            ASSERT_EQ(bits_of(got[size_t(bits)]), bits_of(widened(uint16_t(bits), f->type)))
                << bits;
    }
}

// V's panels, taken apart again, and the flag of each panel.
struct Packed {
    std::vector<uint8_t> rows;  // [key][feature]
    std::vector<uint8_t> nonfinite;
};
Packed pack_values(const lac_variant &v, bool append, const Elements &from, int keys) {
    const int panels = (keys + v.panel_keys - 1) / v.panel_keys;
    const int panel = v.panel_keys * v.plane, plane = panels * panel, d = v.value_dim;
    const auto bytes = static_cast<size_t>(type_bytes(v.value_type));
    Packed result{std::vector<uint8_t>(size_t(keys) * d * bytes),
                  std::vector<uint8_t>(size_t(panels), 2)};
    std::vector<uint8_t> memory(size_t(plane) * v.value_planes * bytes);
    View<2> source(from, Dim{d, 1}, Dim{keys, d});
    View<4> packed(Elements{memory.data(), v.value_type}, Dim{v.plane, 1},
                   Dim{v.panel_keys, v.plane}, Dim{panels, panel}, Dim{v.value_planes, plane});
    View<1> flags(result.nonfinite.data(), Dim{panels, 1}), none(memory.data(), Dim{0, 1});
    View<2> no_scales(memory.data(), Dim{0, 1}, Dim{0, 1});
    (append ? v.append_values : v.pack_values)(&source, &none, keys, &packed, &flags, &no_scales);
    for (int i = 0; i < keys * d; i++) {
        const int k = i / d, x = i % d;
        const size_t at = size_t(x / v.plane) * plane + size_t(k) * v.plane + x % v.plane;
        std::memcpy(&result.rows[i * bytes], &memory[at * bytes], bytes);
    }
    return result;
}
Packed pack_keys(const lac_variant &v, bool append, const Elements &from, int keys) {
    const int panels = (keys + v.panel_keys - 1) / v.panel_keys, d = v.head_dim;
    const int panel = v.panel_keys * d;
    const auto bytes = static_cast<size_t>(type_bytes(v.key_type));
    Packed result{std::vector<uint8_t>(size_t(keys) * d * bytes),
                  std::vector<uint8_t>(size_t(panels), 2)};
    std::vector<uint8_t> memory(size_t(panels) * panel * bytes);
    View<2> source(from, Dim{d, 1}, Dim{keys, d});
    View<3> packed(Elements{memory.data(), v.key_type}, Dim{v.panel_keys, 1}, Dim{d, v.panel_keys},
                   Dim{panels, panel});
    View<1> flags(result.nonfinite.data(), Dim{panels, 1}), none(memory.data(), Dim{0, 1});
    View<2> no_scales(memory.data(), Dim{0, 1}, Dim{0, 1});
    (append ? v.append_keys : v.pack_keys)(&source, &none, keys, &none, &packed, &flags,
                                           &no_scales);
    for (int i = 0; i < keys * d; i++) {
        const int k = i / d, x = i % d;
        const size_t at =
            size_t(k / v.panel_keys) * panel + size_t(x) * v.panel_keys + k % v.panel_keys;
        std::memcpy(&result.rows[i * bytes], &memory[at * bytes], bytes);
    }
    return result;
}

// K and V alike.
struct Side {
    const char *name;
    lac_type type;
    int features;
    bool one_kernel;  // packs and appends
    Packed (*packed)(const lac_variant &, bool append, const Elements &, int);
};
std::vector<Side> sides(const lac_variant &v) {
    return {{"K", v.key_type, v.head_dim, v.pack_keys == v.append_keys, pack_keys},
            {"V", v.value_type, v.value_dim, v.pack_values == v.append_values, pack_values}};
}

TEST_P(Types, PanelsHoldTheBitsOfRows) {
    const lac_variant &v = *kernel().variant;
    for (const Side &side : sides(v)) {
        const Format *f = format_of(side.type);
        if (!f) continue;
        const int keys = kValues / side.features;
        std::vector<uint16_t> rows(size_t(keys) * side.features);
        for (size_t i = 0; i < rows.size(); i++) rows[i] = uint16_t(i * 40503);  // odd: all values
        const Elements from{reinterpret_cast<uint8_t *>(rows.data()), side.type};
        const Packed got = side.packed(v, false, from, keys);
        ASSERT_EQ(std::memcmp(got.rows.data(), rows.data(), got.rows.size()), 0) << side.name;
        const auto panel = size_t(v.panel_keys) * side.features;
        for (size_t p = 0; p < got.nonfinite.size(); p++) {
            bool any = false;
            for (size_t i = p * panel; i < std::min((p + 1) * panel, rows.size()); i++)
                any = any || (rows[i] & 0x7fff) >= f->infinity;
            ASSERT_EQ(got.nonfinite[p], any) << side.name << " panel " << p;
        }
    }
}

TEST_P(Types, AppendedRowsAreRoundedToNearestEven) {
    const lac_variant &v = *kernel().variant;
    for (const Side &side : sides(v)) {
        const Format *f = format_of(side.type);
        EXPECT_EQ(side.one_kernel, side.type == v.type) << side.name;
        if (!f || side.type == v.type || v.type != LAC_F32) continue;
        std::vector<Rounding> all = roundings(*f);
        all.resize(all.size() / side.features * side.features);
        std::vector<float> rows;
        for (const Rounding &r : all) rows.push_back(r.from);
        const Elements from{reinterpret_cast<uint8_t *>(rows.data()), LAC_F32};
        const int keys = static_cast<int>(rows.size()) / side.features;
        const Packed got = side.packed(v, true, from, keys);
        for (size_t i = 0; i < all.size(); i++) {
            uint16_t bits = 0;
            std::memcpy(&bits, &got.rows[2 * i], 2);
            ASSERT_EQ(bits, all[i].to) << side.name << " " << all[i].from;
        }
        // NaN whose bits lie below those that are kept, and what only the narrower type cannot
        // hold.
        std::vector<float> row(size_t(side.features), 1.0f);
        const uint32_t odd[] = {0x7f800001, 0xff800001, 0x7fffffff, 0xffffffff,
                                0x7fbfffff, 0x7fc00000, 0xff801fff, 0x7f808000};
        for (const uint32_t bits : odd) {
            row[1] = float_of(bits);
            const Packed one =
                side.packed(v, true, {reinterpret_cast<uint8_t *>(row.data()), LAC_F32}, 1);
            uint16_t stored = 0;
            std::memcpy(&stored, &one.rows[2], 2);
            EXPECT_TRUE(is_nan(stored, *f)) << side.name << " " << bits;
            EXPECT_EQ(stored >> 15, bits >> 31) << side.name << " " << bits;
            EXPECT_EQ(one.nonfinite[0], 1);
        }
        row[1] = FLT_MAX;
        EXPECT_EQ(side.packed(v, true, {reinterpret_cast<uint8_t *>(row.data()), LAC_F32}, 1)
                      .nonfinite[0],
                  1)
            << "the flag is of what is stored";
    }
}

// From one 16-bit type to the other, or to f32.
TEST_P(Types, AppendedRowsOfNarrowQueries) {
    const lac_variant &v = *kernel().variant;
    const Format *f = format_of(v.type);
    for (const Side &side : sides(v)) {
        if (!f || side.type == v.type || side.type == LAC_I8) continue;
        const int keys = kValues / side.features;
        std::vector<uint16_t> rows(size_t(keys) * side.features);
        for (size_t i = 0; i < rows.size(); i++) rows[i] = uint16_t(i);
        const Packed got =
            side.packed(v, true, {reinterpret_cast<uint8_t *>(rows.data()), v.type}, keys);
        for (size_t i = 0; i < rows.size(); i++) {
            const float x = widened(rows[i], v.type);
            const Element stored(const_cast<uint8_t *>(&got.rows[i * lac_type_bytes(side.type)]),
                                 side.type);
            const float want = as_stored({x}, side.type)[0];
            if (std::isnan(want))
                ASSERT_TRUE(std::isnan(static_cast<float>(stored))) << i;
            else
                ASSERT_EQ(bits_of(stored), bits_of(want)) << side.name << " " << i;
        }
    }
}

// Each query sees one key, whose weight is 1: the output is V, rounded.
TEST_P(Types, OutputIsRoundedToNearestEven) {
    const Format *f = format_of(entry().type);
    if (!f || entry().value_type != LAC_F32 || entry().pattern) return;
    std::vector<Rounding> all = roundings(*f);
    Problem p = problem("window:1");
    for (size_t first = 0; first < all.size();) {
        p.q_tokens = p.k_tokens = 4096;
        Tensors t(p);
        const auto count = std::min(all.size() - first, size_t(p.k_tokens) * p.value_dim);
        for (size_t i = 0; i < count; i++)
            t.v.at(0, 0, int(i) / p.value_dim, int(i) % p.value_dim) = all[first + i].from;
        ASSERT_EQ(run(kernel(), p, t), LAC_OK);
        for (size_t i = 0; i < count; i++) {
            const Element out = t.out.at(0, 0, int(i) / p.value_dim, int(i) % p.value_dim);
            const float from = all[first + i].from, want = widened(all[first + i].to, f->type);
            // A float that is no normal number may be read as 0, and a product is not -0.
            if (std::abs(from) < FLT_MIN) continue;
            ASSERT_EQ(static_cast<float>(out), want) << from;
        }
        first += count;
    }
}

INSTANTIATE_TEST_SUITE_P(All, Types, kernels_on_tiers(of_narrow_types), kernel_on_tier_name);

}  // namespace
}  // namespace lacuna
