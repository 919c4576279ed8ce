// A cache in guarded memory that held nonsense before, and steps that attend rows of a test's Q.
#pragma once
#include "lacuna/cache.h"
#include "tests/planned.h"

namespace lacuna {

// Tokens first…first+count-1 of sequence b.
inline lac_tensor tokens_of(lac_tensor t, int b, int first, int count) {
    t.data = static_cast<uint8_t *>(t.data) + b * t.batch_stride + first * t.token_stride;
    if (t.scales) t.scales += int64_t{b} * t.heads * t.tokens + first;
    t.scale_head_stride = t.tokens;
    t.batch = 1;
    t.tokens = count;
    return t;
}

inline lac_cache_options options_of(const Problem &p, int32_t max_append, int32_t max_rollback) {
    return {sizeof(lac_cache_options),
            p.heads,
            p.kv_heads,
            p.k_tokens,
            max_append,
            max_rollback,
            nullptr,
            nullptr,
            p.own_order};
}

// Memory of a cache, both ends of it guarded in turn.
class CacheMemory {
public:
    explicit CacheMemory(size_t bytes)
        : bytes_(bytes), memory_(aligned_up(bytes), made_++ % 2 ? Flush::kFront : Flush::kBack) {
        std::memset(memory_.data(), 0xff, bytes);
    }
    void *data() const { return memory_.data(); }
    size_t bytes() const { return bytes_; }

private:
    static size_t aligned_up(size_t bytes) {
        return (bytes + LAC_MEMORY_ALIGNMENT - 1) / LAC_MEMORY_ALIGNMENT * LAC_MEMORY_ALIGNMENT;
    }
    static inline int made_ = 0;
    size_t bytes_;
    Guarded memory_;
};

class Cached {
public:
    Cached(const lac_kernel &kernel, const std::string &pattern, const lac_cache_options &options)
        : kernel_(kernel), pattern_(parse(pattern)), options_(options) {
        lac::check(lac_cache_bytes(&kernel_, &pattern_, &options_, &bytes_));
        memory_ = std::make_unique<CacheMemory>(bytes_);
        lac::check(
            lac_cache_init(&kernel_, &pattern_, &options_, memory_->data(), bytes_, &cache_));
    }
    Cached fork() const {
        Cached copy(kernel_, pattern_, options_, bytes_);
        lac::check(lac_cache_fork(cache_, copy.memory_->data(), bytes_, &copy.cache_));
        return copy;
    }

    lac_cache *get() const { return cache_; }
    const lac_kernel &kernel() const { return kernel_; }
    size_t bytes() const { return bytes_; }
    const lac_cache_options &options() const { return options_; }
    lac_cache_state state() const {
        lac_cache_state s{};
        s.size = sizeof s;
        lac::check(lac_cache_read_state(cache_, &s));
        return s;
    }
    int tokens() const { return state().tokens; }

    // Appends the next tokens of sequence b of t.
    lac_status append(const Tensors &t, int b, int count) {
        const lac_tensor k = tokens_of(t.k.view(), b, tokens(), count);
        const lac_tensor v = tokens_of(t.v.view(), b, tokens(), count);
        return lac_cache_append(cache_, &k, &v);
    }

private:
    Cached(const lac_kernel &kernel, const lac_pattern &pattern, const lac_cache_options &options,
           size_t bytes)
        : kernel_(kernel),
          pattern_(pattern),
          options_(options),
          bytes_(bytes),
          memory_(std::make_unique<CacheMemory>(bytes)) {}

    lac_kernel kernel_;
    lac_pattern pattern_;
    lac_cache_options options_;
    size_t bytes_ = 0;
    std::unique_ptr<CacheMemory> memory_;
    lac_cache *cache_ = nullptr;
};

// The last `queries` tokens of each cache as queries: rows of t.q are read, and those of t.out and
// t.log_sum_exp written, in the places that the tokens have. Sequence b of t is that of cache b.
lac_status step(const std::vector<const Cached *> &caches, const Problem &p, Tensors &t,
                const std::vector<int32_t> &queries, const Threads &threads,
                const lac_plan *plan = nullptr);

// Appended in two pieces, attended at once with a plan of its own.
ResultBits in_one_step(const lac_kernel &kernel, const Problem &p, Tensors &t);

}  // namespace lacuna
