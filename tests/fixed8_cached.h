// The sequences of a Fixed8 in caches, whose memory held nonsense before: appended and attended in
// step, rows of the problem's Q by rows.
#pragma once
#include <memory>

#include "tests/cached.h"
#include "tests/fixed8.h"

namespace lacuna {

class Fixed8Caches {
public:
    Fixed8Caches(Fixed8 &run, int32_t max_append, int32_t max_rollback = 0)
        : run_(run), options_{sizeof options_,   run.size.heads, run.size.kv_heads,
                              run.size.k_tokens, max_append,     max_rollback,
                              nullptr,           nullptr,        0} {
        lac::check(run.find(&kernel_));
        for (int b = 0; b < run.size.batch; b++) caches_.push_back(make(b));
    }

    // An empty cache of the same kind, in memory that the object keeps; its bytes are `fill`.
    lac_cache *make(int fill) {
        size_t bytes = 0;
        lac::check(lac_cache_bytes(&kernel_, &run_.pattern, &options_, &bytes));
        memory_.push_back(std::make_unique<CacheMemory>(bytes));
        std::memset(memory_.back()->data(), fill, bytes);
        lac_cache *cache = nullptr;
        lac::check(lac_cache_init(&kernel_, &run_.pattern, &options_, memory_.back()->data(), bytes,
                                  &cache));
        return cache;
    }
    lac_cache *fork(int b) {
        lac_cache *copy = nullptr;
        make(0x5a);
        const CacheMemory &memory = *memory_.back();
        lac::check(lac_cache_fork(caches_[b], memory.data(), memory.bytes(), &copy));
        return copy;
    }
    void replace(int b, lac_cache *cache) { caches_[b] = cache; }
    lac_cache *cache(int b) const { return caches_[b]; }
    int tokens() const {
        lac_cache_state state{};
        state.size = sizeof state;
        lac::check(lac_cache_read_state(caches_[0], &state));
        return state.tokens;
    }

    // The next tokens of sequence b of `of`, a problem of the same size.
    static lac_status append(lac_cache *cache, Fixed8 &of, int b, int first, int count) {
        lac_tensor k = rows(of.keys(), first, count), v = rows(of.values(), first, count);
        for (lac_tensor *t : {&k, &v}) {
            t->data = static_cast<int8_t *>(t->data) + b * t->batch_stride;
            t->scales += int64_t{b} * t->heads;
            t->batch = 1;
        }
        return lac_cache_append(cache, &k, &v);
    }
    void append(int count) { append(count, run_); }
    void append(int count, Fixed8 &of) {
        const int first = tokens();
        for (int b = 0; b < run_.size.batch; b++)
            lac::check(append(caches_[b], of, b, first, count));
    }

    // Attends the last `queries` tokens of all into the problem's rows, of its last tokens.
    lac_status step(int queries, const Threads &threads = {}, const lac_lists *lists = nullptr,
                    bool planned = false) {
        const Size &s = run_.size;
        const int first = tokens() - queries - (s.k_tokens - s.q_tokens);
        const std::vector<const lac_cache *> list(caches_.begin(), caches_.end());
        lac_step step{sizeof step, s.batch, list.data(), nullptr, lists, nullptr, run_.shape.tree};
        std::vector<float> sums(static_cast<size_t>(s.batch) * s.heads * queries);
        lac_args args = run_.args;
        args.log_sum_exp = sums.data();
        args.threads = threads.count;
        args.parallel_for = threads.run;
        args.parallel_context = threads.context;
        lac::Memory plan_memory;
        const size_t bytes = planned || lists ? plan(&step, queries, threads.count, &plan_memory)
                                              : step_bytes(queries, threads.count);
        const CacheMemory workspace(bytes);
        lac_tensor q = rows(run_.queries(), first, queries);
        q.scales += first;
        q.scale_head_stride = s.q_tokens;
        q.scale_batch_stride = int64_t{s.q_tokens} * s.heads;
        const lac_tensor out = rows(run_.output(), first, queries);
        const lac_status status =
            lac_step_attend(&step, &q, &out, &args, workspace.data(), workspace.bytes());
        for (int row = 0; row < s.batch * s.heads; row++)
            std::copy_n(&sums[static_cast<size_t>(row) * queries], queries,
                        &run_.log_sum_exp[static_cast<size_t>(row) * s.q_tokens + first]);
        return status;
    }

private:
    static lac_tensor rows(lac_tensor t, int first, int count) {
        t.data = static_cast<int8_t *>(t.data) + first * t.token_stride;
        t.tokens = count;
        return t;
    }
    size_t step_bytes(int queries, int threads) const {
        size_t bytes = 0;
        lac::check(lac_step_bytes(&kernel_, &run_.pattern, &options_, run_.size.batch, queries,
                                  threads, &bytes));
        return bytes;
    }
    size_t plan(lac_step *step, int queries, int threads, lac::Memory *memory) const {
        std::vector<int32_t> lengths(step->count);
        lac_shape shape;
        lac::check(lac_step_shape(step, queries, lengths.data(), &shape));
        lac::check(run_.make_plan(kernel_, shape, memory, &step->plan));
        return lac_step_plan_bytes(step->plan, threads);
    }

    Fixed8 &run_;
    lac_kernel kernel_{};
    lac_cache_options options_;
    std::vector<std::unique_ptr<CacheMemory>> memory_;
    std::vector<lac_cache *> caches_;
};

}  // namespace lacuna
