#include "cli/decoder.h"

#include "cli/errors.h"
#include "cli/measure.h"

namespace lacuna {

namespace {

// Tokens first…first+count-1 of sequence b of a C-ordered [batch, heads, tokens, features] array.
lac_tensor tokens_of(lac_type type, void *data, const ProblemSize &s, int b, int32_t first,
                     int32_t count, int32_t features) {
    lac_tensor t = s.key_tensor(type, data, features);
    const int64_t of_head = s.dtypes.fixed8() ? 1 : s.k_tokens;
    t.scale_head_stride = of_head;
    if (t.scales) t.scales += int64_t{b} * s.kv_heads * of_head + (s.dtypes.fixed8() ? 0 : first);
    t.data = static_cast<uint8_t *>(t.data) + b * t.batch_stride + first * t.token_stride;
    t.batch = 1;
    t.tokens = count;
    return t;
}

}  // namespace

Decoder::Decoder(const lac_pattern &pattern, const ProblemSize &size, int32_t threads,
                 KeepTest test)
    : Decoder(find_kernel(pattern, size, test), pattern, size, threads) {}

Decoder::Decoder(const lac_kernel &kernel, const lac_pattern &pattern, const ProblemSize &size,
                 int32_t threads) try
    : size_(size), pattern_(pattern), kernel_(kernel), threads_(threads) {
    const lac_cache_options options{sizeof(lac_cache_options),
                                    size.heads,
                                    size.kv_heads,
                                    size.k_tokens,
                                    size.q_tokens,
                                    0,
                                    nullptr,
                                    nullptr,
                                    size.own_order};
    lac::check(lac_cache_bytes(&kernel_, &pattern_, &options, &cache_bytes_));
    for (int b = 0; b < size.batch; b++) {
        memory_.emplace_back(cache_bytes_);
        caches_.emplace_back();
        lac::check(lac_cache_init(&kernel_, &pattern_, &options, memory_.back().data(),
                                  cache_bytes_, &caches_.back()));
    }
    if (threads > 1) pool_.emplace(threads);
} catch (const lac::Error &error) {
    throw failure_of(error);
} catch (const std::bad_alloc &) {
    throw bad_input("not enough memory for the caches");
}

void Decoder::append(void *k, void *v, int32_t count) {
    for (int b = 0; b < size_.batch; b++) {
        const lac_tensor keys =
            tokens_of(size_.dtypes.k, k, size_, b, tokens_, count, size_.head_dim);
        const lac_tensor values =
            tokens_of(size_.dtypes.v, v, size_, b, tokens_, count, size_.value_dim);
        if (const lac_status s = lac_cache_append(caches_[b], &keys, &values); s != LAC_OK)
            throw failure_of(lac::Error(s));
    }
    tokens_ += count;
}

lac_shape Decoder::shape() const {
    return {sizeof(lac_shape), size_.batch, size_.heads, size_.kv_heads, queries_, tokens_,
            nullptr,           nullptr,     nullptr,     nullptr,        nullptr,  size_.own_order};
}

void Decoder::plan(int32_t queries) {
    queries_ = queries;
    const lac_shape s = shape();
    size_t bytes = 0;
    lac::check(lac_plan_bytes(&kernel_, &pattern_, &s, &bytes));
    plan_memory_ = lac::Memory(bytes);
    lac::check(lac_plan_init(&kernel_, &pattern_, &s, plan_memory_.data(), bytes, &plan_));
    const size_t needed = lac_step_plan_bytes(plan_, threads_);
    if (needed > workspace_.bytes()) workspace_ = lac::Memory(needed);
}

void Decoder::step(void *q, void *out) {
    step(lac::tensor(size_.dtypes.q, q, size_.batch, size_.heads, queries_, size_.head_dim),
         lac::tensor(size_.dtypes.q, out, size_.batch, size_.heads, queries_, size_.value_dim));
}

void Decoder::step(const lac_tensor &q, const lac_tensor &out, lac_args args) {
    args.size = sizeof args;
    if (pool_) pool_->use_in(args);
    const lac_step step{sizeof(lac_step), size_.batch, caches_.data(), nullptr,
                        nullptr,          plan_,       nullptr};
    const lac_status s =
        lac_step_attend(&step, &q, &out, &args, workspace_.data(), workspace_.bytes());
    if (s != LAC_OK) throw failure_of(lac::Error(s));
}

lac_cache_state Decoder::state() const {
    lac_cache_state state{};
    state.size = sizeof state;
    lac::check(lac_cache_read_state(caches_.front(), &state));
    return state;
}

double Decoder::plan_microseconds() const {
    const lac_shape s = shape();
    const lac::Memory memory(plan_memory_.bytes());
    return best_microseconds([&] {
        const lac_plan *plan = nullptr;
        lac::check(lac_plan_init(&kernel_, &pattern_, &s, memory.data(), memory.bytes(), &plan));
    });
}

}  // namespace lacuna
