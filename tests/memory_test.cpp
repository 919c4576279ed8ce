// How much memory a call needs, and the life of pools.
#include <gtest/gtest.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <set>

#include "runtime/workspace.h"
#include "tests/trial.h"
#include "tests/visits.h"

namespace lacuna {
namespace {

constexpr int32_t kTokens = 32768;

// A plan without its kernel's run: only numbers.
class Sizes {
public:
    Sizes(const lac_kernel_entry &entry, int32_t tier, const lac_pattern &pattern, int32_t heads,
          int32_t kv_heads) {
        const lac_kernel kernel{sizeof(lac_kernel), &lac_kernels, &entry.variants[tier], "sizes"};
        const lac_shape shape{sizeof(lac_shape), 1,       heads,   kv_heads, kTokens, kTokens,
                              nullptr,           nullptr, nullptr, nullptr,  nullptr, 0};
        size_t bytes = 0;
        lac::check(lac_plan_bytes(&kernel, &pattern, &shape, &bytes));
        memory_ = lac::Memory(bytes);
        lac::check(lac_plan_init(&kernel, &pattern, &shape, memory_.data(), bytes, &plan_));
    }
    size_t bytes(int32_t threads) const { return lac_workspace_bytes(plan_, threads); }
    const lac_plan &plan() const { return *plan_; }

private:
    lac::Memory memory_;
    const lac_plan *plan_ = nullptr;
};

// Of `pattern`: how many layouts of the keys it needs side by side, each a copy at most.
struct Sized {
    const char *pattern;
    int stores;
};
const Sized kSized[] = {{"dense", 1},
                        {"window:256", 1},
                        {"strided:64", 1},
                        {"window:128+strided:64", 2},
                        {"window:64+dilated:16,8+strided:32", 3},
                        {"sink:4+window:100+strided:1000", 2}};

void expect_modest(const lac_kernel_entry &e, int32_t tier, const Sized &sized, int32_t group) {
    const lac_pattern pattern = e.pattern ? *e.pattern : parse(sized.pattern);
    const Sizes sizes(e, tier, pattern, group, 1);
    const std::string what = std::string(e.name) + " " + e.variants[tier].tier + " " +
                             sized.pattern + " of " + std::to_string(group) + " heads";
    // With one KV head in all, a thread more is its scratch and nothing else.
    const size_t scratch = sizes.bytes(3) - sizes.bytes(2);
    EXPECT_GT(scratch, 0u) << what;
    EXPECT_LE(scratch, size_t{1} << 20) << what;
    EXPECT_EQ(sizes.bytes(0), sizes.bytes(1)) << what;
    if (e.pattern || group > 1) return;
    // A store ends in part of a panel a class; values fill whole planes.
    const lac_variant &v = e.variants[tier];
    const size_t row =
        lac_type_bytes(v.key_type) * static_cast<size_t>(v.head_dim) +
        lac_type_bytes(v.value_type) * static_cast<size_t>(v.value_planes * v.plane) +
        sizeof(float) * ((v.key_type == LAC_I8) + (v.value_type == LAC_I8));
    size_t packed = 0, overhang = 0;
    int whole = 0;
    for (int32_t s = 0; s < sizes.plan().store_count; s++) {
        const int64_t places = sizes.plan().store_panels[s] * v.panel_keys;
        packed += row * static_cast<size_t>(smaller<int64_t>(places, kTokens));
        whole += places >= kTokens;
        const Store &store = sizes.plan().store[s];
        overhang += static_cast<size_t>(store.residues) * static_cast<size_t>(v.panel_keys) * row;
    }
    EXPECT_LE(whole, sized.stores) << what;
    const size_t small = overhang + packed / 100 + (64 << 10);
    EXPECT_GE(sizes.bytes(1), packed + scratch) << what;
    EXPECT_LE(sizes.bytes(1), packed + scratch + small) << what;
    // A head more in flight is its packed K and V.
    const size_t flight = Sizes(e, tier, pattern, 9 * group, 9).bytes(3);
    EXPECT_LE(flight, 4 * (packed + small) + 3 * scratch) << what;
}

// Plans of 32,768 tokens take a while: every pattern on each kernel's best tier, one on the others.
TEST(Memory, IsThePackedHeadsAndAtMostAMebibyteAThread) {
    for (size_t i = 0; i < static_cast<size_t>(lac_kernels.kernel_count); i++) {
        const lac_kernel_entry &e = lac_kernels.kernels[i];
        for (int32_t tier = 0; tier < e.variant_count; tier++) {
            const Sized &one = kSized[(i + static_cast<size_t>(tier)) % std::size(kSized)];
            expect_modest(e, tier, one, tier == 0 ? 7 : 1);
        }
        if (e.pattern) continue;
        for (const Sized &sized : kSized) expect_modest(e, 0, sized, 1);
    }
}

TEST(Memory, OfWindowsDoesNotGrowWithTheSequence) {
    for (const char *pattern :
         {"window:256", "sink:4+window:256", "local:100,28", "dilated:32,2"}) {
        const auto places = [&](int32_t tokens) {
            const Case c{pattern, tokens, tokens, 0};
            return Visits(c).plan().store_panels[0] * c.numbers.panel_keys;
        };
        const int64_t at_4096 = places(4096);
        EXPECT_LT(at_4096, 2800) << pattern;
        EXPECT_EQ(places(8192), at_4096) << pattern;
    }
}

TEST(Memory, LargeGroupsStayModest) {
    for (int32_t i = 0; i < lac_bundle_kernel_count(&lac_kernels); i++)
        if (const lac_kernel_entry &e = lac_kernels.kernels[i]; e.value_dim == 256)
            expect_modest(e, 0, kSized[4], 64);
}

TEST(Memory, IsZeroForBadArguments) {
    const Trial s;
    EXPECT_EQ(lac_workspace_bytes(nullptr, 1), 0u);
    EXPECT_EQ(lac_workspace_bytes(s.plan, -1), 0u);
    EXPECT_EQ(lac_workspace_bytes(s.plan, LAC_MAX_THREADS + 1), 0u);
    EXPECT_GT(lac_workspace_bytes(s.plan, LAC_MAX_THREADS), 0u);
    for (const int32_t threads : {-1, 0, LAC_MAX_THREADS + 1})
        EXPECT_EQ(lac_pool_bytes(threads), 0u);
    EXPECT_GT(lac_pool_bytes(LAC_MAX_THREADS), lac_pool_bytes(1));
}

// Scratch of different threads and of tiles that take turns, and packed heads, lie apart.
void parts_lie_apart(const char *text, int32_t tiles) {
    const Trial s;
    const lac_pattern pattern = parse(text);
    const lac_shape shape{sizeof(lac_shape), 2,       4,       2,       2000,    2000,
                          nullptr,           nullptr, nullptr, nullptr, nullptr, 0};
    size_t bytes = 0;
    lac::check(lac_plan_bytes(&s.kernel, &pattern, &shape, &bytes));
    const lac::Memory plan_memory(bytes);
    const lac_plan *plan = nullptr;
    lac::check(lac_plan_init(&s.kernel, &pattern, &shape, plan_memory.data(), bytes, &plan));
    ASSERT_EQ(turns(*plan), tiles);
    bytes = lac_workspace_bytes(plan, 3);
    const lac::Memory memory(bytes);
    const Workspace workspace(*plan, 3, true, memory.data());
    const auto *end = static_cast<const uint8_t *>(memory.data()) + bytes;
    std::set<const void *> places;
    size_t count = 0;
    const auto add = [&](std::initializer_list<const void *> added) {
        for (const void *place : added) {
            EXPECT_EQ(reinterpret_cast<uintptr_t>(place) % LAC_MEMORY_ALIGNMENT, 0u);
            EXPECT_LT(place, end);
            places.insert(place);
            count++;
        }
    };
    for (int32_t i = 0; i < 3; i++) {
        const Scratch x = workspace.scratch(i);
        add({x.ones, x.parts, x.panels, x.edges, x.words, x.first_keys, x.offsets, x.own_rows,
             x.tiles, x.log_sum_exp});
        if (plan->group_count > 1) add({x.state[0], x.state[1]});
        for (int32_t t = 0; t < tiles; t++) {
            const TileScratch &y = x.tile[t];
            add({y.queries, y.slopes, y.folded, y.sinks, y.positions, y.state_rows, y.nonfinite});
        }
    }
    for (int32_t slot = 0; slot < workspace.heads_in_flight(); slot++) {
        for (int32_t i = 0; i < plan->store_count; i++) {
            const PackedStore x = workspace.store(plan->layouts[0], slot, i);
            add({x.keys.data, x.values.data, x.keys_nonfinite, x.values_nonfinite});
        }
    }
    add({workspace.progress(), workspace.next_task()});
    EXPECT_EQ(places.size(), count);
}

TEST(Memory, PartsOfAWorkspaceLieApart) {
    // Long enough that residue classes have panels of their own.
    parts_lie_apart("window:16+strided:8+dilated:9,6", 1);
}
TEST(Memory, TilesThatTakeTurnsLieApart) { parts_lie_apart("dense", 4); }

TEST(Pool, RefusesBadArguments) {
    const lac::Memory memory(lac_pool_bytes(3));
    lac_pool *pool = nullptr;
    const auto create = [&](int32_t threads, void *at, size_t bytes, lac_pool **place) {
        const lac_status s = lac_pool_create(threads, at, bytes, place);
        EXPECT_EQ(pool, nullptr);
        return s;
    };
    EXPECT_EQ(create(3, nullptr, memory.bytes(), &pool), LAC_BAD_ARGUMENT);
    EXPECT_EQ(create(3, memory.data(), memory.bytes(), nullptr), LAC_BAD_ARGUMENT);
    for (const int32_t threads : {-1, 0, LAC_MAX_THREADS + 1})
        EXPECT_EQ(create(threads, memory.data(), memory.bytes(), &pool), LAC_TOO_MANY_THREADS);
    EXPECT_EQ(create(3, shifted(memory.data(), 8), memory.bytes(), &pool), LAC_BAD_ALIGNMENT);
    EXPECT_EQ(create(3, memory.data(), memory.bytes() - 1, &pool), LAC_TOO_SMALL);
    lac_pool_destroy(nullptr);
}

// No stack as large as the address space can be had.
TEST(Pool, ReportsARefusedThread) {
    pthread_attr_t usual, huge;
    ASSERT_EQ(pthread_getattr_default_np(&usual), 0);
    ASSERT_EQ(pthread_attr_init(&huge), 0);
    ASSERT_EQ(pthread_attr_setstacksize(&huge, size_t{1} << 47), 0);
    ASSERT_EQ(pthread_setattr_default_np(&huge), 0);
    const lac::Memory memory(lac_pool_bytes(3));
    lac_pool *pool = nullptr;
    EXPECT_EQ(lac_pool_create(3, memory.data(), memory.bytes(), &pool), LAC_THREAD_FAILED);
    EXPECT_EQ(pool, nullptr);
    ASSERT_EQ(pthread_setattr_default_np(&usual), 0);
    pthread_attr_destroy(&usual);
    pthread_attr_destroy(&huge);
}

// Every index once, whatever the count; the pool serves again at once.
TEST(Pool, RunsEveryIndexOnce) {
    struct Counts {
        std::atomic<int> of[64];
    };
    for (const int32_t threads : {1, 2, 5}) {
        const lac::Pool pool(threads);
        lac_args args{};
        pool.use_in(args);
        for (int repeat = 0; repeat < 200; repeat++) {
            for (const int32_t count : {0, 1, threads, threads + 1, 64}) {
                Counts counts{};
                lac_pool_run(
                    args.parallel_context, count,
                    [](void *c, int32_t i) { static_cast<Counts *>(c)->of[i]++; }, &counts);
                for (int32_t i = 0; i < 64; i++)
                    ASSERT_EQ(counts.of[i], i < count ? 1 : 0) << threads << " " << count;
            }
        }
    }
}

TEST(Pool, LivesAndDiesTwoHundredTimes) {
    for (int i = 0; i < 200; i++) {
        const lac::Pool pool(1 + i % 5);
        if (i % 3 == 0) continue;  // some never run
        lac_args args{};
        pool.use_in(args);
        std::atomic<int> runs{0};
        lac_pool_run(
            args.parallel_context, i % 7,
            [](void *r, int32_t) { ++*static_cast<std::atomic<int> *>(r); }, &runs);
        ASSERT_EQ(runs, i % 7);
    }
}

// More threads than work, up to 64, and the most there may be.
TEST(Pool, ManyThreadsShareTinyWork) {
    Trial s;
    ASSERT_EQ(s.attend(), LAC_OK);
    const std::vector<uint32_t> want = bits(s.tensors, s.problem);
    std::vector<int32_t> sweep{LAC_MAX_THREADS};
    for (int32_t threads = 1; threads <= 64; threads++) sweep.push_back(threads);
    for (const int32_t threads : sweep) {
        const lac::Pool pool(threads);
        pool.use_in(s.args);
        s.workspace_bytes = lac_workspace_bytes(s.plan, threads);
        const lac::Memory workspace(s.workspace_bytes);
        s.workspace = workspace.data();
        s.tensors.out.fill_with(-7.0f);
        ASSERT_EQ(s.attend(), LAC_OK);
        ASSERT_EQ(bits(s.tensors, s.problem), want) << threads << " threads";
    }
}

}  // namespace
}  // namespace lacuna
