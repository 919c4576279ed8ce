// Lists that nobody vouches for: valid ones with a few numbers changed, and nonsense. What a plain
// reading of the rules refuses must be refused; what it accepts must run, on kernels and a runtime
// that check every access, with each array flush against an inaccessible page.
#include <gtest/gtest.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <random>

#include "lacuna/lacuna.hpp"
#include "runtime/bundle.h"
#include "runtime/lists.h"
#include "tests/guarded.h"

namespace lacuna {

extern "C" const lac_bundle asan_kernels;

namespace {

constexpr int kIterations = 100000;
constexpr int kHeadDim = 20;

using Random = std::mt19937;

int below(Random &random, int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); }

struct Arrays {
    std::vector<int64_t> starts;
    std::vector<int32_t> indices, queries, globals, global_starts;
    int32_t batch, heads, rows, global_count;
};

const char *const kPatterns[] = {"mask:csr",
                                 "bidi/mask:csr+window:3",
                                 "mask:pairs",
                                 "bidi/every:3+mask:pairs",
                                 "mask:blocks,3",
                                 "topk:3,cap=4",
                                 "bidi/topk:4,tile=2",
                                 "topk:6,tile=3,block=2+global:list",
                                 "bidi/local:1,2+global:list",
                                 "heads(0=mask:csr|1=sink:2)+global:list"};

// Ascending numbers below limit, most of the time.
void add_row(Random &random, int limit, int most, std::vector<int32_t> &row) {
    int at = -1, count = 0;
    while (count < most && (at += 1 + below(random, 4)) < limit && below(random, 8) != 0) {
        row.push_back(at);
        count++;
    }
}

Arrays plausible(Random &random, const lac_pattern &p, const lac_shape &s) {
    Arrays a{};
    a.batch = below(random, 2) ? 1 : s.batch;
    const int32_t heads[] = {1, s.kv_heads, s.heads};
    a.heads = heads[below(random, 3)];
    a.starts.push_back(0);
    if (const lac_atom *reader = row_reader(p)) {
        const ListShape want = list_shape_of(*reader, s.q_tokens, s.k_tokens);
        a.rows = static_cast<int32_t>(want.rows);
        const auto limit = static_cast<int>(ceil_div(s.k_tokens, want.block));
        const int most = static_cast<int>(std::min<int64_t>(want.most, limit));
        for (int i = 0; i < a.batch * a.heads * a.rows; i++) {
            for (int q = 0; q < (want.pairs ? s.q_tokens : 1); q++) {
                add_row(random, want.chosen_for ? std::min(limit, i % a.rows + 1) : limit, most,
                        a.indices);
                a.queries.resize(a.indices.size(), q);
            }
            a.starts.push_back(static_cast<int64_t>(a.indices.size()));
        }
    }
    if (reads_globals(p)) add_row(random, s.k_tokens, INT_MAX, a.globals);
    a.global_count = static_cast<int32_t>(a.globals.size());
    if (below(random, 3) == 0) {
        a.global_starts = {0};
        for (int b = 0; b < s.batch; b++)
            a.global_starts.push_back(below(random, a.global_count + 1));
        std::sort(a.global_starts.begin(), a.global_starts.end());
    }
    return a;
}

constexpr int64_t kOdd[] = {-1, 0, 1, 2, 3, 7, INT_MIN, INT_MAX, 1 << 20, -5};

template <class T>
void spoil_one(Random &random, std::vector<T> &array) {
    if (array.empty()) return;
    T &x = array[random() % array.size()];
    const auto odd = static_cast<T>(kOdd[random() % std::size(kOdd)]);
    x = below(random, 2) ? odd : static_cast<T>(x + odd % 3);
}

void spoil(Random &random, Arrays &a) {
    for (int n = below(random, 4); n > 0; n--) {
        switch (below(random, 8)) {
            case 0: spoil_one(random, a.queries); break;
            case 1: spoil_one(random, a.globals); break;
            case 2: spoil_one(random, a.global_starts); break;
            case 3: (below(random, 2) ? a.heads : a.batch) = below(random, 4); break;
            case 4: a.rows += below(random, 3) - 1; break;
            case 5: spoil_one(random, a.starts); break;
            default: spoil_one(random, a.indices); break;
        }
    }
    // As many starts as the extents call for: their number is the caller's word.
    const int64_t rows = int64_t{a.batch} * a.heads * a.rows;
    if (rows >= static_cast<int64_t>(a.starts.size()))
        a.starts.resize(static_cast<size_t>(rows) + 1, a.starts.back());
}

// The rules once more, as plainly as they can be said.
class Rules {
public:
    Rules(const lac_pattern &p, const lac_shape &s, const Arrays &a) : p_(p), s_(s), a_(a) {}
    bool hold() const {
        if (reads_globals(p_) && !globals_hold()) return false;
        const lac_atom *reader = row_reader(p_);
        return !reader || rows_hold(list_shape_of(*reader, s_.q_tokens, s_.k_tokens));
    }

private:
    bool globals_hold() const {
        const std::vector<int32_t> &starts = a_.global_starts;
        if (starts.empty()) return ascends(a_.globals.data(), a_.global_count, s_.k_tokens);
        if (starts[0] < 0) return false;
        for (int b = 0; b < s_.batch; b++) {
            const auto i = static_cast<size_t>(b);
            if (starts[i + 1] < starts[i]) return false;
        }
        if (starts.back() > a_.global_count) return false;
        for (int b = 0; b < s_.batch; b++) {
            const auto i = static_cast<size_t>(b);
            if (!ascends(a_.globals.data() + starts[i], starts[i + 1] - starts[i], s_.k_tokens))
                return false;
        }
        return true;
    }
    static bool ascends(const int32_t *x, int64_t count, int64_t limit) {
        for (int64_t i = 0; i < count; i++)
            if (x[i] < 0 || x[i] >= limit || (i > 0 && x[i] <= x[i - 1])) return false;
        return true;
    }
    bool rows_hold(const ListShape &want) const {
        if (a_.batch != 1 && a_.batch != s_.batch) return false;
        if (a_.heads != 1 && a_.heads != s_.kv_heads && a_.heads != s_.heads) return false;
        if (a_.rows != want.rows || a_.starts[0] < 0) return false;
        const size_t rows = static_cast<size_t>(a_.batch) * a_.heads * a_.rows;
        for (size_t i = 0; i < rows; i++)
            if (a_.starts[i + 1] < a_.starts[i]) return false;
        if (a_.starts[rows] > static_cast<int64_t>(a_.indices.size())) return false;
        for (size_t i = 0; i < rows; i++)
            if (!row_holds(want, i)) return false;
        return true;
    }
    bool row_holds(const ListShape &want, size_t i) const {
        const int64_t begin = a_.starts[i], count = a_.starts[i + 1] - begin;
        const int32_t *k = a_.indices.data() + begin, *q = a_.queries.data() + begin;
        const int64_t limit = ceil_div(s_.k_tokens, want.block);
        if (!want.pairs) {
            if (!ascends(k, count, limit) || count > want.most) return false;
            if (!want.chosen_for || p_.bidi || count == 0) return true;
            const int64_t r = static_cast<int64_t>(i) % a_.rows;
            const int64_t last = std::min<int64_t>((r + 1) * want.chosen_for, s_.q_tokens) - 1;
            return k[count - 1] * want.block <= s_.k_tokens - s_.q_tokens + last;
        }
        for (int64_t j = 0; j < count; j++) {
            if (k[j] < 0 || k[j] >= limit || q[j] < 0 || q[j] >= s_.q_tokens) return false;
            if (j > 0 && (q[j] < q[j - 1] || (q[j] == q[j - 1] && k[j] <= k[j - 1]))) return false;
        }
        return true;
    }
    const lac_pattern &p_;
    const lac_shape &s_;
    const Arrays &a_;
};

// A copy that ends, or begins, at an inaccessible page.
template <class T>
class Fenced {
public:
    Fenced(const std::vector<T> &x, Flush flush) : memory_(x.size() * sizeof(T), flush) {
        if (!x.empty()) std::memcpy(memory_.data(), x.data(), x.size() * sizeof(T));
        memory_.make_read_only();
    }
    const T *get() const { return static_cast<const T *>(memory_.data()); }

private:
    Guarded memory_;
};

class Attended {
public:
    explicit Attended(const lac_shape &s)
        : q_(floats(s.heads * s.q_tokens), 0.25f),
          k_(floats(s.kv_heads * s.k_tokens), 0.5f),
          out_(floats(s.heads * s.q_tokens), 0.0f) {}
    lac_status run(const lac_kernel &kernel, const lac_pattern &pattern, const lac_shape &s) {
        size_t bytes = 0;
        if (const lac_status status = lac_plan_bytes(&kernel, &pattern, &s, &bytes)) return status;
        const lac::Memory memory(bytes);
        const lac_plan *plan = nullptr;
        lac::check(lac_plan_init(&kernel, &pattern, &s, memory.data(), bytes, &plan));
        const lac::Memory workspace(lac_workspace_bytes(plan, 1));
        // Sequences share their rows: only addresses are at stake.
        const auto view = [&](std::vector<float> &x, int32_t heads, int32_t tokens) {
            lac_tensor t = lac::tensor(x.data(), s.batch, heads, tokens, kHeadDim);
            t.batch_stride = 0;
            return t;
        };
        const lac_tensor q = view(q_, s.heads, s.q_tokens), k = view(k_, s.kv_heads, s.k_tokens);
        const lac_tensor out = view(out_, s.heads, s.q_tokens);
        return lac_attention(&kernel, plan, &q, &k, &k, &out, nullptr, workspace.data(),
                             workspace.bytes());
    }

private:
    static size_t floats(int rows) { return static_cast<size_t>(rows) * kHeadDim; }
    std::vector<float> q_, k_, out_;
};

struct Counts {
    int accepted = 0, refused = 0;
};

void one_case(Random &random, const lac_kernel &kernel, Counts &counts) {
    const lac_pattern pattern = lac::pattern(kPatterns[random() % std::size(kPatterns)]);
    const int q = 1 + below(random, 9), kv_heads = 1 + below(random, 2);
    const int batch = 1 + below(random, 2);
    lac_shape shape{
        sizeof(lac_shape), batch,   2 * kv_heads, kv_heads, q,       q + below(random, 20),
        nullptr,           nullptr, nullptr,      nullptr,  nullptr, below(random, 2)};
    Arrays a = plausible(random, pattern, shape);
    spoil(random, a);
    const Flush flush = below(random, 2) ? Flush::kBack : Flush::kFront;
    const Fenced<int64_t> starts(a.starts, flush);
    const Fenced<int32_t> indices(a.indices, flush), queries(a.queries, flush);
    const Fenced<int32_t> globals(a.globals, flush), global_starts(a.global_starts, flush);
    lac_lists lists{sizeof(lac_lists),
                    a.global_count,
                    globals.get(),
                    a.global_starts.empty() ? nullptr : global_starts.get(),
                    a.batch,
                    a.heads,
                    a.rows,
                    0,
                    static_cast<int64_t>(a.indices.size()),
                    starts.get(),
                    indices.get(),
                    queries.get(),
                    random()};
    shape.lists = &lists;
    const bool valid = Rules(pattern, shape, a).hold();
    lac_list_error error{};
    Attended attended(shape);
    if (!valid) {
        ASSERT_NE(lac_lists_check(&pattern, &shape, &lists, &error), LAC_OK);
        ASSERT_EQ(attended.run(kernel, pattern, shape), LAC_UNCHECKED_LISTS);
        counts.refused++;
        return;
    }
    ASSERT_EQ(lac_lists_check(&pattern, &shape, &lists, &error), LAC_OK);
    ASSERT_EQ(attended.run(kernel, pattern, shape), LAC_OK);
    counts.accepted++;
}

TEST(FuzzLists, NoIndexLeadsAstray) {
    setenv("LACUNA_TIER", "asan", 1);
    const lac_request request{sizeof(lac_request), LAC_F32, kHeadDim, 0, nullptr, {}, {}, {}};
    lac_kernel kernel{};
    if (lac_kernel_find(&asan_kernels, &request, &kernel) == LAC_NO_TIER)
        GTEST_SKIP() << "this CPU has no AVX2";
    Counts counts;
    for (int i = 0; i < kIterations; i++) {
        Random random(static_cast<unsigned>(i));
        ASSERT_NO_FATAL_FAILURE(one_case(random, kernel, counts)) << "seed " << i;
    }
    EXPECT_GT(counts.accepted, kIterations / 5);
    EXPECT_GT(counts.refused, kIterations / 5);
}

// The kernels do look: a row past the end of K is reported.
TEST(FuzzListsDeathTest, KernelsReportAStrayRow) {
    setenv("LACUNA_TIER", "asan", 1);
    const lac_request request{sizeof(lac_request), LAC_F32, kHeadDim, 0, nullptr, {}, {}, {}};
    lac_kernel kernel{};
    if (lac_kernel_find(&asan_kernels, &request, &kernel) == LAC_NO_TIER)
        GTEST_SKIP() << "this CPU has no AVX2";
    const auto stray = [&] {
        const lac_variant &v = *kernel.variant;
        std::vector<float> keys(size_t{8} * kHeadDim), packed(1 << 14);
        std::vector<uint8_t> flags(4);
        View<2> from(keys.data(), Dim{kHeadDim, 1}, Dim{9, kHeadDim});
        View<3> to(packed.data(), Dim{v.panel_keys, 1}, Dim{kHeadDim, v.panel_keys},
                   Dim{1, v.panel_keys * kHeadDim});
        View<1> nonfinite(flags.data(), Dim{1, 1}), none(keys.data(), Dim{kHeadDim, 1});
        View<2> no_scales(packed.data(), Dim{0, 1}, Dim{0, 1});
        v.pack_keys(&from, &none, 9, &none, &to, &nonfinite, &no_scales);
    };
    EXPECT_DEATH(stray(), "AddressSanitizer");
}

}  // namespace
}  // namespace lacuna
