#include "tests/harness.h"

#include "patterns/pattern.h"

#include <pthread.h>

#include <cmath>
#include <stdexcept>
#include <thread>

#include "lacuna/lacuna.hpp"

namespace lacuna {

namespace {

void fresh_threads(void *, int32_t count, lac_work work, void *argument) {
    std::vector<std::thread> threads;
    for (int32_t i = 0; i < count; i++) threads.emplace_back([=] { work(argument, i); });
    for (std::thread &t : threads) t.join();
}

}  // namespace

std::string Problem::describe() const {
    return pattern + " batch " + std::to_string(batch) + " heads " + std::to_string(heads) + "/" +
           std::to_string(kv_heads) + " q " + std::to_string(q_tokens) + " k " +
           std::to_string(k_tokens) + " d " + std::to_string(head_dim) + "x" +
           std::to_string(value_dim) + " types " + std::to_string(type) + std::to_string(key_type) +
           std::to_string(value_type) + " threads " + std::to_string(threads) + " order " +
           std::to_string(static_cast<int>(order)) + " seed " + std::to_string(seed);
}

lac_shape Problem::shape() const {
    const auto list = [](const std::vector<int32_t> &x) { return x.empty() ? nullptr : x.data(); };
    return {sizeof(lac_shape),
            batch,
            heads,
            kv_heads,
            q_tokens,
            k_tokens,
            list(q_lengths),
            list(k_lengths),
            list(q_starts),
            lists,
            tree.empty() ? nullptr : tree.data(),
            own_order};
}

void give_lists(Problem &p, int heads, bool own_sequences) {
    p.own_order = p.seed * 2654435761u >> 31;  // of about every second seed
    p.random_lists =
        std::make_shared<RandomLists>(parse(p.pattern), p.shape(), heads, p.seed, own_sequences);
    p.lists = p.random_lists->get();
}

TestTensor::TestTensor(const Problem &p, lac_type type, int heads, int tokens, int features) {
    const auto f = static_cast<int64_t>(lac_type_bytes(type));
    int64_t head = 0, token = 0, batch = 0, base = 0;
    int64_t row = features;
    if (p.order == Order::kHeadsFirst || p.order == Order::kReversed) {
        token = row, head = token * tokens, batch = head * heads;
    } else {
        // Fused: as if other tensors' features lay between the rows.
        if (p.order == Order::kFused) row += 3;
        head = row, token = head * heads, batch = token * tokens;
    }
    int64_t elements = batch * (p.batch - 1) + head * (heads - 1) + token * (tokens - 1) + features;
    if (p.order == Order::kReversed) {
        base = token * (tokens - 1);
        token = -token;
    }
    memory_ = std::make_unique<Guarded>(static_cast<size_t>(elements * f), p.flush);
    view_ = {sizeof(lac_tensor),
             type,
             static_cast<uint8_t *>(memory_->data()) + base * f,
             p.batch,
             heads,
             tokens,
             features,
             batch * f,
             head * f,
             token * f,
             nullptr,
             0,
             0};
    if (type != LAC_I8) return;
    const auto rows = static_cast<size_t>(p.batch) * heads * tokens;
    scales_ = std::make_unique<Guarded>(rows * sizeof(float), p.flush);
    view_.scales = static_cast<float *>(scales_->data());
    std::fill_n(static_cast<float *>(scales_->data()), rows, 0.0f);
}

float *TestTensor::scale_of(int b, int h, int t) const {
    if (!scales_) return nullptr;
    return static_cast<float *>(scales_->data()) +
           (static_cast<size_t>(b) * view_.heads + h) * view_.tokens + t;
}

Element TestTensor::at(int b, int h, int t, int d) const {
    auto *bytes = static_cast<uint8_t *>(view_.data) + b * view_.batch_stride +
                  h * view_.head_stride + t * view_.token_stride;
    return {bytes + d * lac_type_bytes(view_.type), view_.type, scale_of(b, h, t)};
}

std::vector<float> TestTensor::rows(int b, int h, int tokens) const {
    std::vector<float> all;
    for (int t = 0; t < tokens; t++)
        for (int d = 0; d < view_.features; d++) all.push_back(at(b, h, t, d));
    return all;
}

template <class Visitor>
void TestTensor::each(Visitor visitor) {
    for (int b = 0; b < view_.batch; b++) {
        for (int h = 0; h < view_.heads; h++) {
            for (int t = 0; t < view_.tokens; t++)
                for (int d = 0; d < view_.features; d++) visitor(at(b, h, t, d));
        }
    }
}

void TestTensor::fill(unsigned seed, float magnitude) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0, magnitude);
    // Rows of integers reach just as far as the largest of so many numbers.
    for (int b = 0; scales_ && b < view_.batch; b++)
        for (int h = 0; h < view_.heads; h++)
            for (int t = 0; t < view_.tokens; t++)
                *scale_of(b, h, t) =
                    magnitude * std::uniform_real_distribution<float>(2.5f, 4)(random) / 127;
    each([&](const Element &x) { x = normal(random); });
}

void TestTensor::fill_with(float value) {
    each([=](const Element &x) { x = value; });
}

Tensors::Tensors(const Problem &p)
    : q(p, p.type, p.heads, p.q_tokens, p.head_dim),
      k(p, p.key_type, p.kv_heads, p.k_tokens, p.head_dim),
      v(p, p.value_type, p.kv_heads, p.k_tokens, p.value_dim),
      out(p, p.type, p.heads, p.q_tokens, p.value_dim),
      log_sum_exp(static_cast<size_t>(p.batch) * p.heads * p.q_tokens, -7.0f) {
    q.fill(p.seed * 3 + 1, p.magnitude);
    k.fill(p.seed * 3 + 2, 1);
    v.fill(p.seed * 3 + 3, 1);
    out.fill_with(-7.0f);
}

lac_status run(const lac_kernel &kernel, const Problem &p, Tensors &t) {
    const lac_pattern pattern = parse(p.pattern);
    const lac_shape shape = p.shape();
    size_t bytes = 0;
    lac_status s = lac_plan_bytes(&kernel, &pattern, &shape, &bytes);
    if (s != LAC_OK) return s;
    const Guarded plan_memory(bytes, Flush::kBack);
    const lac_plan *plan = nullptr;
    s = lac_plan_init(&kernel, &pattern, &shape, plan_memory.data(), bytes, &plan);
    if (s != LAC_OK) return s;
    plan_memory.make_read_only();
    const size_t workspace_bytes = lac_workspace_bytes(plan, p.threads);
    const Guarded workspace(workspace_bytes, Flush::kBack);
    // Whatever an earlier call left there must not show.
    std::memset(workspace.data(), 0xff, workspace_bytes);
    lac_args args{};
    args.size = sizeof args;
    args.scale = p.scale;
    args.softcap = p.softcap;
    args.log_sum_exp = t.log_sum_exp.data();
    args.sink_logits = p.sinks();
    args.alibi_slopes = p.slopes();
    args.threads = p.threads;
    args.parallel_for = fresh_threads;
    t.arithmetic = kernel.variant->arithmetic;
    const lac_tensor q = t.q.view(), k = t.k.view(), v = t.v.view(), out = t.out.view();
    return lac_attention(&kernel, plan, &q, &k, &v, &out, &args, workspace.data(), workspace_bytes);
}

namespace {

// The larger error, and NaN is larger than any number.
double worse(double a, double b) { return std::isnan(a) || a > b ? a : b; }

Judgement judge_head(const Problem &p, const lac_pattern &pattern, const Tensors &t, int b, int h) {
    const int kv = h / (p.heads / p.kv_heads), nq = p.q_length(b), nk = p.k_length(b);
    const double scale = p.scale != 0 ? p.scale : 1 / std::sqrt(double(p.head_dim));
    const lac_shape shape = p.shape();
    const OracleInput in{&pattern,
                         &shape,
                         b,
                         h,
                         nq,
                         nk,
                         p.q_start(b),
                         p.head_dim,
                         p.value_dim,
                         scale,
                         p.softcap,
                         p.alibi_slopes.empty() ? 0 : p.alibi_slopes[static_cast<size_t>(h)]};
    std::vector<float> q = t.q.rows(b, h, nq);
    const bool integers = p.key_type == LAC_I8 && !lists_single_keys(pattern);
    if (integers) q = as_queried(q, static_cast<size_t>(p.head_dim), scale);
    const std::vector<float> k = t.k.rows(b, kv, nk);
    const OracleOutput want = oracle(in, q.data(), k.data(), t.v.rows(b, kv, nk).data());
    const std::vector<float> got = t.out.rows(b, h, nq);
    const double unit = 8 * 1.1920929e-7 * want.largest_score;
    Judgement result;
    double tolerance = std::max(1e-12, unit * unit), stored = 0, power = 0;
    for (const double x : want.out) {
        stored += std::pow(rounding_error(p.type, x), 2);
        power += x * x;
    }
    if (power > 0) tolerance += stored / power;
    if (p.value_type == LAC_I8) tolerance += kWeightRounding;
    // Of keys that are listed, some meet Q as it is and others Q as integers.
    const bool mixed = p.key_type == LAC_I8 && !integers;
    double rounding = mixed ? query_rounding_error(want.largest_score) : 0;
    if (t.arithmetic == LAC_F16) rounding = half_rounding_error(want.largest_score);
    tolerance += rounding * rounding;
    result.error_ratio = nmse(want.out, {got.begin(), got.end()}) / tolerance;
    for (int i = 0; i < nq; i++) {
        const double w = want.log_sum_exp[size_t(i)];
        const double l = t.log_sum_exp[(size_t(b) * p.heads + h) * p.q_tokens + i];
        const double error = w == l ? 0 : std::abs(w - l);  // -inf equals itself
        result.log_sum_exp_error =
            worse(result.log_sum_exp_error,
                  std::max(0.0, error - 2 * rounding) / (1 + want.largest_score));
    }
    return result;
}

}  // namespace

Judgement judge(const Problem &p, const Tensors &t) {
    const lac_pattern pattern = parse(p.pattern);
    Judgement worst;
    for (int b = 0; b < p.batch; b++) {
        for (int h = 0; h < p.heads; h++) {
            const Judgement head = judge_head(p, pattern, t, b, h);
            worst = {worse(worst.error_ratio, head.error_ratio),
                     worse(worst.log_sum_exp_error, head.log_sum_exp_error)};
        }
    }
    return worst;
}

std::vector<uint32_t> bits(const Tensors &t, const Problem &p) {
    std::vector<uint32_t> all;
    for (int b = 0; b < p.batch; b++) {
        for (int h = 0; h < p.heads; h++) {
            const std::vector<float> rows = t.out.rows(b, h, p.q_tokens);
            const size_t done = all.size();
            all.resize(done + rows.size());
            std::memcpy(&all[done], rows.data(), rows.size() * sizeof(float));
        }
    }
    return all;
}

void fit(Problem &p, const lac_kernel_entry &entry) {
    p.head_dim = entry.head_dim;
    p.value_dim = entry.value_dim;
    p.type = entry.type;
    p.key_type = entry.key_type;
    p.value_type = entry.value_type;
    p.arithmetic = entry.arithmetic;
}

const lac_kernel_entry &general_kernel(const Problem &p) {
    for (int i = 0; i < lac_kernels.kernel_count; i++) {
        const lac_kernel_entry &e = lac_kernels.kernels[i];
        if (!e.pattern && e.head_dim == p.head_dim && e.value_dim == p.value_dim &&
            e.type == p.type && e.key_type == p.key_type && e.value_type == p.value_type &&
            e.arithmetic == p.arithmetic)
            return e;
    }
    throw std::logic_error("no kernel for any pattern");
}

lac_kernel find_kernel(const lac_kernel_entry &entry, const std::string &tier) {
    setenv("LACUNA_TIER", tier.c_str(), 1);
    const lac_request request{sizeof(lac_request), entry.type,      entry.head_dim,
                              entry.value_dim,     entry.pattern,   entry.key_type,
                              entry.value_type,    entry.arithmetic};
    lac_kernel kernel{};
    lac::check(lac_kernel_find(&lac_kernels, &request, &kernel));
    if (lac_kernel_tier(&kernel) != tier || kernel.variant->pattern != entry.pattern)
        throw std::logic_error("LACUNA_TIER did not pin " + tier);
    return kernel;
}

std::vector<std::string> runnable_tiers() {
    std::vector<std::string> tiers;
    const lac_kernel_entry &entry = lac_kernels.kernels[0];
    for (int i = 0; i < entry.variant_count; i++) {
        setenv("LACUNA_TIER", entry.variants[i].tier, 1);
        const lac_request request{sizeof(lac_request), entry.type,      entry.head_dim,
                                  entry.value_dim,     nullptr,         entry.key_type,
                                  entry.value_type,    entry.arithmetic};
        lac_kernel kernel{};
        if (lac_kernel_find(&lac_kernels, &request, &kernel) == LAC_OK)
            tiers.emplace_back(entry.variants[i].tier);
    }
    return tiers;
}

lac_pattern parse(const std::string &text) { return lac::pattern(text); }

}  // namespace lacuna
