// Every status of finding a kernel and planning, one spoilt argument at a time; a refused call
// leaves what it would have written as it was.
#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "tests/planned.h"
#include "tests/trial.h"

namespace lacuna {
namespace {

constexpr int32_t kMost = std::numeric_limits<int32_t>::max();

TEST(Status, MessagesAreDistinctSentences) {
    std::set<std::string> messages;
    for (int s = LAC_OK; s <= LAC_BAD_IMAGE; s++) {
        const char *message = lac_status_message(static_cast<lac_status>(s));
        ASSERT_NE(message, nullptr);
        EXPECT_STRNE(message, "");
        EXPECT_TRUE(messages.insert(message).second) << message;
    }
    for (const int s : {LAC_BAD_IMAGE + 1, -1, kMost}) {
        const char *message = lac_status_message(static_cast<lac_status>(s));
        EXPECT_STREQ(message, "unknown status");
        EXPECT_EQ(messages.count(message), 0u);
    }
}

TEST(Status, Pattern) {
    lac_pattern pattern = parse("window:3"), before = pattern;
    lac_pattern_error error;
    EXPECT_EQ(lac_pattern_parse(nullptr, &pattern, &error), LAC_BAD_ARGUMENT);
    EXPECT_EQ(lac_pattern_parse("dense", nullptr, &error), LAC_BAD_ARGUMENT);
    EXPECT_EQ(lac_pattern_parse("window:", &pattern, nullptr), LAC_BAD_PATTERN);
    EXPECT_EQ(std::memcmp(&before, &pattern, sizeof before), 0);
    pattern.atom_count = 0;
    char text[8] = "?";
    for (const lac_pattern *bad : {static_cast<lac_pattern *>(nullptr), &pattern}) {
        EXPECT_EQ(lac_pattern_text(bad, text, sizeof text), 0u);
        EXPECT_EQ(lac_pattern_slug(bad, text, sizeof text), 0u);
        EXPECT_EQ(lac_pattern_attends(bad, nullptr, 0, 0, 0, 0), 0);
    }
}

TEST(Status, QuestionsAboutNothing) {
    EXPECT_STREQ(lac_kernel_name(nullptr), "");
    EXPECT_STREQ(lac_kernel_tier(nullptr), "");
    EXPECT_EQ(lac_bundle_kernel_count(nullptr), 0);
    EXPECT_EQ(lac_bundle_kernel_name(nullptr, 0), nullptr);
    EXPECT_EQ(lac_bundle_kernel_name(&lac_kernels, -1), nullptr);
    EXPECT_EQ(lac_bundle_kernel_name(&lac_kernels, lac_bundle_kernel_count(&lac_kernels)), nullptr);
    EXPECT_EQ(lac_plan_attended_pairs(nullptr), 0);
    EXPECT_EQ(lac_plan_computed_pairs(nullptr), 0);
}

TEST(Status, TheTrialIsRight) {
    Trial s;
    EXPECT_EQ(s.find(), LAC_OK);
    EXPECT_EQ(s.measure(), LAC_OK);
    EXPECT_EQ(s.make_plan(), LAC_OK);
    EXPECT_TRUE(s.output_untouched());
    EXPECT_EQ(s.attend(), LAC_OK);
    EXPECT_FALSE(s.output_untouched());
    s.args_at = nullptr;  // defaults
    EXPECT_EQ(s.attend(), LAC_OK);
}

TEST(Status, Find) {
    const Spoilt rows[] = {
        {"no bundle", LAC_BAD_ARGUMENT, [](Trial &s) { s.bundle = nullptr; }},
        {"no request", LAC_BAD_ARGUMENT, [](Trial &s) { s.request_at = nullptr; }},
        {"no kernel", LAC_BAD_ARGUMENT, [](Trial &s) { s.kernel_at = nullptr; }},
        {"size", LAC_BAD_ARGUMENT, [](Trial &s) { s.request.size--; }},
        {"bundle of another ABI", LAC_BAD_ARGUMENT,
         [](Trial &s) {
             static lac_bundle other = lac_kernels;
             other.abi_version = LAC_ABI_VERSION + 1;
             s.bundle = &other;
         }},
        {"head size", LAC_NO_KERNEL, [](Trial &s) { s.request.head_dim = 63; }},
        {"value size", LAC_NO_KERNEL, [](Trial &s) { s.request.value_dim = 63; }},
        {"negative head size", LAC_NO_KERNEL, [](Trial &s) { s.request.head_dim = -64; }},
        {"type", LAC_NO_KERNEL, [](Trial &s) { s.request.type = static_cast<lac_type>(99); }},
        {"malformed pattern", LAC_BAD_PATTERN,
         [](Trial &s) {
             s.pattern.bidi = 2;
             s.request.pattern = &s.pattern;
         }},
        {"tier", LAC_NO_TIER, [](Trial &) { setenv("LACUNA_TIER", "avx3", 1); }},
        {"beginning of a tier", LAC_NO_TIER, [](Trial &) { setenv("LACUNA_TIER", "avx", 1); }},
        {"empty tier is none", LAC_OK, [](Trial &) { setenv("LACUNA_TIER", "", 1); }}};
    for (const Spoilt &row : rows) {
        Trial s;
        row.spoil(s);
        const lac_kernel before = s.kernel;
        EXPECT_EQ(s.find(), row.want) << row.what;
        EXPECT_EQ(before.variant, s.kernel.variant) << row.what;
        EXPECT_EQ(before.name, s.kernel.name) << row.what;
        EXPECT_EQ(before.size, s.kernel.size) << row.what;
        unsetenv("LACUNA_TIER");
    }
}

// What lac_plan_bytes and lac_plan_init refuse alike.
const Spoilt kBadPlans[] = {
    {"no kernel", LAC_BAD_ARGUMENT, [](Trial &s) { s.kernel_at = nullptr; }},
    {"kernel size", LAC_BAD_ARGUMENT, [](Trial &s) { s.kernel.size = 0; }},
    {"order", LAC_BAD_ARGUMENT, [](Trial &s) { s.shape.no_dense_order = 2; }},
    {"order below", LAC_BAD_ARGUMENT, [](Trial &s) { s.shape.no_dense_order = -1; }},
    {"kernel without bundle", LAC_BAD_ARGUMENT, [](Trial &s) { s.kernel.bundle = nullptr; }},
    {"kernel without variant", LAC_BAD_ARGUMENT, [](Trial &s) { s.kernel.variant = nullptr; }},
    {"no pattern", LAC_BAD_ARGUMENT, [](Trial &s) { s.pattern_at = nullptr; }},
    {"no shape", LAC_BAD_ARGUMENT, [](Trial &s) { s.shape_at = nullptr; }},
    {"shape size", LAC_BAD_ARGUMENT, [](Trial &s) { s.shape.size += 8; }},
    {"pattern size", LAC_BAD_PATTERN, [](Trial &s) { s.pattern.size = 4; }},
    {"bidi 2", LAC_BAD_PATTERN, [](Trial &s) { s.pattern.bidi = 2; }},
    {"no atoms", LAC_BAD_PATTERN, [](Trial &s) { s.pattern.atom_count = 0; }},
    {"nine atoms", LAC_BAD_PATTERN, [](Trial &s) { s.pattern.atom_count = 9; }},
    {"2^32-1 atoms", LAC_BAD_PATTERN, [](Trial &s) { s.pattern.atom_count = ~0u; }},
    {"kind", LAC_BAD_PATTERN, [](Trial &s) { s.pattern.atom[0].kind = 1000; }},
    {"argument too small", LAC_BAD_PATTERN, [](Trial &s) { s.pattern.atom[1].arg[0] = 0; }},
    {"argument too large", LAC_BAD_PATTERN,
     [](Trial &s) { s.pattern.atom[1].arg[0] = LAC_MAX_ARGUMENT + 1; }},
    {"argument unused", LAC_BAD_PATTERN, [](Trial &s) { s.pattern.atom[0].arg[4] = 1; }},
    {"atom twice", LAC_BAD_PATTERN, [](Trial &s) { s.pattern.atom[1] = s.pattern.atom[0]; }},
    {"batch 0", LAC_BAD_SHAPE, [](Trial &s) { s.shape.batch = 0; }},
    {"heads 0", LAC_BAD_SHAPE, [](Trial &s) { s.shape.heads = 0; }},
    {"heads negative", LAC_BAD_SHAPE, [](Trial &s) { s.shape.heads = -2; }},
    {"KV heads 0", LAC_BAD_SHAPE, [](Trial &s) { s.shape.kv_heads = 0; }},
    {"KV heads negative", LAC_BAD_SHAPE, [](Trial &s) { s.shape.kv_heads = -2; }},
    {"heads no multiple", LAC_BAD_SHAPE, [](Trial &s) { s.shape.heads = 5; }},
    {"fewer heads", LAC_BAD_SHAPE, [](Trial &s) { s.shape.heads = 1; }},
    {"Q tokens 0", LAC_BAD_SHAPE, [](Trial &s) { s.shape.q_tokens = 0; }},
    {"K tokens negative", LAC_BAD_SHAPE, [](Trial &s) { s.shape.k_tokens = -1; }},
    {"everything huge", LAC_BAD_SHAPE,
     [](Trial &s) {
         s.shape = {sizeof s.shape, kMost,   kMost,   kMost,   20,      30,
                    nullptr,        nullptr, nullptr, nullptr, nullptr, 0};
     }},
    {"heads times tokens huge", LAC_BAD_SHAPE, [](Trial &s) { s.shape.heads = kMost / 10 * 2; }},
    {"tokens huge", LAC_BAD_LENGTH,
     [](Trial &s) {
         s.shape = {sizeof s.shape, 1,       4,       2,       20,      kMost,
                    nullptr,        nullptr, nullptr, nullptr, nullptr, 0};
     }},
    {"Q tokens huge", LAC_BAD_LENGTH,
     [](Trial &s) {
         s.shape = {sizeof s.shape, 1,       1,       1, LAC_MAX_TOKENS + 1, 30, nullptr, nullptr,
                    nullptr,        nullptr, nullptr, 0};
     }},
    {"Q length negative", LAC_BAD_LENGTH, [](Trial &s) { s.q_lengths[1] = -1; }},
    {"Q length over", LAC_BAD_LENGTH, [](Trial &s) { s.q_lengths[1] = 21; }},
    {"K length 0", LAC_BAD_LENGTH, [](Trial &s) { s.k_lengths[0] = 0; }},
    {"K length over", LAC_BAD_LENGTH, [](Trial &s) { s.k_lengths[1] = 31; }},
    {"start negative", LAC_BAD_LENGTH, [](Trial &s) { s.q_starts[1] = -1; }},
    {"start over", LAC_BAD_LENGTH, [](Trial &s) { s.q_starts[0] = 11; }},
    {"start huge", LAC_BAD_LENGTH, [](Trial &s) { s.q_starts[0] = kMost; }},
    {"more queries than keys", LAC_BAD_LENGTH,
     [](Trial &s) { s.shape.q_starts = nullptr, s.k_lengths[1] = 12; }}};

TEST(Status, PlanBytes) {
    for (const Spoilt &row : kBadPlans) {
        Trial s;
        row.spoil(s);
        s.plan_bytes = 123;
        EXPECT_EQ(s.measure(), row.want) << row.what;
        EXPECT_EQ(s.plan_bytes, 123u) << row.what;
    }
    Trial s;
    s.plan_bytes_at = nullptr;
    EXPECT_EQ(s.measure(), LAC_BAD_ARGUMENT);
}

TEST(Status, PlanInit) {
    std::vector<Spoilt> rows(std::begin(kBadPlans), std::end(kBadPlans));
    rows.push_back({"no memory", LAC_BAD_ARGUMENT, [](Trial &s) { s.memory = nullptr; }});
    rows.push_back({"no place", LAC_BAD_ARGUMENT, [](Trial &s) { s.plan_at = nullptr; }});
    rows.push_back(
        {"misaligned", LAC_BAD_ALIGNMENT, [](Trial &s) { s.memory = shifted(s.memory, 32); }});
    rows.push_back({"a byte short", LAC_TOO_SMALL, [](Trial &s) { s.plan_bytes--; }});
    rows.push_back({"no bytes", LAC_TOO_SMALL, [](Trial &s) { s.plan_bytes = 0; }});
    for (const Spoilt &row : rows) {
        Trial s;
        row.spoil(s);
        s.plan = nullptr;
        std::memset(s.plan_memory.data(), 0x5a, s.plan_memory.bytes());
        EXPECT_EQ(s.make_plan(), row.want) << row.what;
        EXPECT_EQ(s.plan, nullptr) << row.what;
        const auto *bytes = static_cast<const uint8_t *>(s.plan_memory.data());
        for (size_t i = 0; i < s.plan_memory.bytes(); i++)
            ASSERT_EQ(bytes[i], 0x5a) << row.what << " wrote byte " << i;
    }
}

// A residue class takes a panel, however few its keys: with many classes panels come to more than
// kernels can index.
TEST(Status, PanelsOfTooManyClasses) {
    Problem p;
    p.head_dim = p.value_dim = 128;
    const lac_kernel kernel = find_kernel(general_kernel(p), runnable_tiers().front());
    const auto measure = [&](int classes) {
        const lac_pattern pattern = parse("strided:" + std::to_string(classes));
        const int32_t tokens = 1 << 20;
        const lac_shape shape{sizeof shape, 1,       1,       1,       1,       tokens,
                              nullptr,      nullptr, nullptr, nullptr, nullptr, 0};
        size_t bytes = 0;
        return lac_plan_bytes(&kernel, &pattern, &shape, &bytes);
    };
    EXPECT_EQ(measure(1 << 16), LAC_OK);
    EXPECT_EQ(measure(1 << 21), LAC_BAD_LENGTH);
}

int32_t crossover_of(const lac_kernel &kernel, const Problem &p) {
    return lac_plan_crossover(Planned(kernel, p, {}).plan());
}

// A tuned tile changes no bit and no cache: where rows run in dense order hangs on the tier alone,
// unless the caller wants none.
TEST(Plan, OfATunedTileHasTheSameCrossover) {
    for (const char *text : {"strided:16", "window:32+strided:16", "dilated:9,7", "topk:40",
                             "mask:csr", "window:32+every:16", "bidi/local:9,9+every:64"}) {
        Problem p;
        p.pattern = text;
        p.q_tokens = p.k_tokens = 4096;
        if (row_reader(parse(text))) give_lists(p, 1, false);
        lac_kernel kernel = find_kernel(general_kernel(), runnable_tiers().front());
        lac_variant tuned = *kernel.variant;
        kernel.variant = &tuned;
        std::set<int32_t> found;
        for (const int rows : {4, 8, 12, 16}) {
            tuned.tile_rows = rows;
            p.own_order = false;
            found.insert(crossover_of(kernel, p));
            p.own_order = true;
            EXPECT_EQ(crossover_of(kernel, p), 0) << text;
        }
        EXPECT_EQ(found.size(), 1U) << text;
        EXPECT_GT(*found.begin(), 0) << text;
    }
}

// What a longer window drops in short sequences is more than columns cost, and a cache would keep
// the keys of dense order beside its ring.
TEST(Plan, OfALongWindowAndColumnsHasNoDenseOrder) {
    for (const char *text : {"window:256+every:64+sink:4", "window:129+every:2", "window:16+sink:4",
                             "every:16", "every:16+dense", "window:8+every:4+bigbird:8,1,1,1"}) {
        Problem p;
        p.pattern = text;
        p.q_tokens = p.k_tokens = 4096;
        for (const std::string &tier : runnable_tiers())
            EXPECT_EQ(crossover_of(find_kernel(general_kernel(), tier), p), 0) << text;
    }
}

TEST(Status, PlanOfAnotherPattern) {
    Trial s;
    for (int32_t i = 0; i < lac_bundle_kernel_count(&lac_kernels); i++) {
        const lac_kernel_entry &e = lac_kernels.kernels[i];
        if (!e.pattern) continue;
        s.kernel.variant = e.variants;
        EXPECT_EQ(s.measure(), LAC_PATTERN_MISMATCH) << e.name;
        s.pattern_at = nullptr;  // its own
        EXPECT_EQ(s.measure(), LAC_OK) << e.name;
        s.pattern_at = &s.pattern;
    }
}

}  // namespace
}  // namespace lacuna
