// Patterns that read lists give a row the same bits whatever the threads and the cut of the call.
#include <gtest/gtest.h>

#include "runtime/workspace.h"
#include "tests/cached.h"
#include "tests/planned.h"

namespace lacuna {
namespace {

constexpr int kTile = 16;  // pieces end where tiles of topk do

const char *const kPatterns[] = {"mask:csr",
                                 "mask:csr+window:9",
                                 "mask:blocks,16+sink:3",
                                 "mask:pairs",
                                 "every:7+mask:pairs",
                                 "topk:40,tile=16",
                                 "topk:30",  // dense order ends between the cuts
                                 "topk:12+window:9",
                                 "sink:3+topk:9+strided:7",
                                 "topk:64,tile=8,block=8+strided:5",
                                 "bidi/global:list+mask:csr+local:4,2",
                                 "heads(0-9=mask:csr|10-15=strided:5)+global:list"};

// The lists of a call, seen from its queries first…first+p.q_tokens-1, as those of `piece`.
class PieceOfLists {
public:
    PieceOfLists(const Problem &p, const Problem &piece, int first) : lists_(*p.lists) {
        const lac_pattern pattern = parse(p.pattern);
        if (const lac_atom *reader = row_reader(pattern)) {
            const ListShape want = list_shape_of(*reader, piece.q_tokens, piece.k_tokens);
            lists_.rows = static_cast<int32_t>(want.rows);
            if (want.pairs)
                cut_pairs(first, piece.q_tokens);
            else if (want.rows < list_shape_of(*reader, p.q_tokens, p.k_tokens).rows)
                cut_rows(*p.lists, first / (want.chosen_for ? want.chosen_for : 1));
        }
        const lac_shape shape = piece.shape();
        lac::check(lac_lists_check(&pattern, &shape, &lists_, nullptr));
    }
    const lac_lists &get() const { return lists_; }

private:
    // lists_.rows of each list, from row `first` on.
    void cut_rows(const lac_lists &all, int64_t first) {
        for (int64_t list = 0; list < int64_t{all.batch} * all.heads; list++) {
            for (int64_t r = 0; r < lists_.rows; r++) {
                const int64_t *const row = all.starts + list * all.rows + first + r;
                starts_.push_back(static_cast<int64_t>(indices_.size()));
                indices_.insert(indices_.end(), all.indices + row[0], all.indices + row[1]);
            }
        }
        starts_.push_back(static_cast<int64_t>(indices_.size()));
        lists_.starts = starts_.data();
        lists_.indices = indices_.data();
        lists_.index_count = static_cast<int64_t>(indices_.size());
    }
    void cut_pairs(int first, int count) {
        const Indices all{lists_.queries, lists_.index_count};
        starts_ = {all.place_of(first), all.place_of(first + count)};
        queries_.assign(lists_.queries, lists_.queries + lists_.index_count);
        for (int32_t &q : queries_) q -= first;
        lists_.starts = starts_.data();
        lists_.queries = queries_.data();
    }
    lac_lists lists_;
    std::vector<int64_t> starts_;
    std::vector<int32_t> queries_, indices_;
};

ResultBits in_pieces(const lac_kernel &kernel, const Problem &p, Tensors &t) {
    clear_output(t);
    int first = 0;
    for (const int tiles : {1, 3, 2}) {
        Problem piece = p;
        piece.q_tokens = tiles * kTile;
        piece.q_starts = {p.q_start(0) + first};
        const PieceOfLists lists(p, piece, first);
        piece.lists = &lists.get();
        Views v(t);
        for (lac_tensor *rows : {&v.q, &v.out}) {
            rows->data = static_cast<uint8_t *>(rows->data) + first * rows->token_stride;
            rows->tokens = piece.q_tokens;
        }
        std::vector<float> log_sum_exp(static_cast<size_t>(p.heads) * piece.q_tokens);
        v.log_sum_exp = log_sum_exp.data();
        Planned(kernel, piece, {}).call(v);
        for (int h = 0; h < p.heads; h++)
            std::copy_n(&log_sum_exp[static_cast<size_t>(h) * piece.q_tokens], piece.q_tokens,
                        &t.log_sum_exp[static_cast<size_t>(h) * p.q_tokens + first]);
        first += piece.q_tokens;
    }
    return all_bits(t, p);
}

class ListCuts : public testing::TestWithParam<std::string> {};

TEST_P(ListCuts, AndThreadsChangeNoBit) {
    const lac_kernel kernel = find_kernel(general_kernel(), GetParam());
    unsigned seed = 1;
    for (const char *pattern : kPatterns) {
        for (const int variety : {0, 1, 2, 3}) {
            Problem p;
            p.pattern = pattern;
            p.heads = 16;
            p.kv_heads = variety / 2 ? 4 : 2;
            p.q_tokens = 6 * kTile;
            p.k_tokens = 130;
            p.seed = seed++;
            const int list_heads[] = {1, p.kv_heads, p.heads};
            const bool pairs = p.pattern.find("pairs") != std::string::npos;
            give_lists(p, pairs ? 1 : list_heads[seed % 3], false);
            p.own_order = variety % 2;
            Tensors t(p);
            const ResultBits want = result(kernel, p, t, {});
            EXPECT_EQ(difference(result(kernel, p, t, {3, in_reverse, nullptr}), want), "")
                << p.describe();
            EXPECT_EQ(difference(in_pieces(kernel, p, t), want), "") << p.describe();
        }
    }
}

// A step of the last `queries` tokens, with the lists of these alone; how many threads share a
// tile.
int planned_step(const Cached &cache, const Problem &p, int queries, Tensors &t,
                 const Threads &threads = {}) {
    Problem piece = p;
    piece.q_tokens = queries;
    piece.k_tokens = cache.tokens();
    piece.q_starts = {cache.tokens() - queries};
    const PieceOfLists lists(p, piece, piece.q_starts[0]);
    piece.lists = &lists.get();
    const Planned planned(cache.kernel(), piece, {});
    Problem seen = p;
    seen.lists = piece.lists;
    lac::check(step({&cache}, seen, t, {queries}, threads, planned.plan()));
    return Workspace(*planned.plan(), threads.count, false, nullptr).slices();
}

TEST_P(ListCuts, AndStepsOverACacheChangeNoBit) {
    const lac_kernel kernel = find_kernel(general_kernel(), GetParam());
    unsigned seed = 1;
    const char *const patterns[] = {"topk:30,tile=16", "topk:8", "sink:3+topk:9+window:9"};
    for (int i = 0; i < 12; i++) {
        Problem p;
        p.pattern = patterns[i / 4];
        p.heads = 16;
        p.kv_heads = 2;
        p.q_tokens = p.k_tokens = 8 * kTile;
        p.seed = seed++;
        give_lists(p, i % 4 < 2 ? p.heads : 1, false);
        p.own_order = i % 2;
        Tensors t(p);
        const ResultBits want = result(kernel, p, t, {});
        clear_output(t);
        // Room for the keys of one append: rows in dense order read the first keys alone.
        Cached cache(kernel, p.pattern, options_of(p, kTile, 0));
        const int queries = p.pattern.find("tile") == std::string::npos ? 1 : kTile;
        while (cache.tokens() < p.k_tokens) {
            lac::check(cache.append(t, 0, queries));
            planned_step(cache, p, queries, t);
        }
        EXPECT_EQ(difference(all_bits(t, p), want), "") << p.describe();
    }
}

// Read as pairs, where a list serves one row, and as a list of four.
TEST_P(ListCuts, AndThreadsThatShareATileChangeNoBit) {
    const lac_kernel kernel = find_kernel(general_kernel(), GetParam());
    for (const int heads : {1, 4}) {
        Problem p;
        p.pattern = "topk:1800";
        p.heads = heads;
        p.kv_heads = 1;
        p.q_tokens = p.k_tokens = 2000;
        do {
            p.seed++;
            give_lists(p, 1, false);
        } while (p.random_lists->starts.end()[-1] - p.random_lists->starts.end()[-2] < 1800);
        p.own_order = true;
        Tensors t(p);
        Cached cache(kernel, p.pattern, options_of(p, 500, 0));
        while (cache.tokens() < p.k_tokens) lac::check(cache.append(t, 0, 500));
        planned_step(cache, p, 1, t);
        const ResultBits want = all_bits(t, p);
        for (const int threads : {2, 3, 7}) {
            clear_output(t);
            EXPECT_GT(planned_step(cache, p, 1, t, {threads, in_reverse, nullptr}), 1);
            EXPECT_EQ(difference(all_bits(t, p), want), "") << threads << " threads";
        }
    }
}

INSTANTIATE_TEST_SUITE_P(All, ListCuts, testing::ValuesIn(runnable_tiers()));

}  // namespace
}  // namespace lacuna
