// One attention problem, run through the public C calls and compared with the oracle.
#pragma once
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "runtime/bundle.h"
#include "tests/element.h"
#include "tests/guarded.h"
#include "tests/lists.h"
#include "tests/oracle.h"

namespace lacuna {

enum class Order { kHeadsFirst, kTokensFirst, kFused, kReversed };

struct Problem {
    std::string pattern = "dense";
    int batch = 1, heads = 1, kv_heads = 1;
    int q_tokens = 1, k_tokens = 1;
    int head_dim = 64, value_dim = 64;
    lac_type type = LAC_F32, key_type = LAC_F32, value_type = LAC_F32;
    lac_type arithmetic = LAC_F32;  // of the kernel's name; a tier may keep f32
    std::vector<int32_t> q_lengths, k_lengths, q_starts;
    float scale = 0, softcap = 0;
    std::vector<float> sink_logits;   // of the query heads; empty: none
    std::vector<float> alibi_slopes;  // as well
    float magnitude = 1;              // of Q's elements
    int threads = 1;
    Order order = Order::kHeadsFirst;
    Flush flush = Flush::kBack;
    unsigned seed = 1;

    const float *sinks() const { return sink_logits.empty() ? nullptr : sink_logits.data(); }
    const float *slopes() const { return alibi_slopes.empty() ? nullptr : alibi_slopes.data(); }
    int q_length(int b) const { return q_lengths.empty() ? q_tokens : q_lengths[b]; }
    int k_length(int b) const { return k_lengths.empty() ? k_tokens : k_lengths[b]; }
    int q_start(int b) const { return q_starts.empty() ? k_length(b) - q_length(b) : q_starts[b]; }
    std::vector<uint64_t> tree;                 // of drafted tokens, as in lac_shape; empty: none
    bool own_order = false;                     // no query in dense order
    const lac_lists *lists = nullptr;           // checked
    std::shared_ptr<RandomLists> random_lists;  // keeps those of give_lists()
    lac_shape shape() const;                    // its arrays are this object's
    std::string describe() const;
};

// Random lists for the run-time atoms of the pattern, and own order or not by the seed: short rows
// of lists are else all in dense order. heads: see RandomLists.
void give_lists(Problem &p, int heads, bool own_sequences);

// A [batch, heads, tokens, features] tensor in guarded memory.
class TestTensor {
public:
    TestTensor(const Problem &p, lac_type type, int heads, int tokens, int features);
    Element at(int b, int h, int t, int d) const;
    // The head's first rows, one after the other.
    std::vector<float> rows(int b, int h, int tokens) const;
    lac_tensor view() const { return view_; }
    void fill(unsigned seed, float magnitude);
    void fill_with(float value);
    void make_read_only() const {
        memory_->make_read_only();
        if (scales_) scales_->make_read_only();
    }

private:
    template <class Visitor>
    void each(Visitor visitor);
    float *scale_of(int b, int h, int t) const;
    std::unique_ptr<Guarded> memory_, scales_;
    lac_tensor view_{};
};

struct Tensors {
    explicit Tensors(const Problem &p);
    TestTensor q, k, v, out;
    std::vector<float> log_sum_exp;
    lac_type arithmetic = LAC_F32;  // of the variant that run() called
};

// Plans and runs; the status of the first call that fails. Workspace and plan are guarded too.
lac_status run(const lac_kernel &kernel, const Problem &p, Tensors &t);

// Largest NMSE over all heads and sequences relative to what design allows for its scores
// (<= 1 passes), and the same for log-sum-exp in absolute terms.
struct Judgement {
    double error_ratio = 0, log_sum_exp_error = 0;
};
Judgement judge(const Problem &p, const Tensors &t);

// Every bit of the output.
std::vector<uint32_t> bits(const Tensors &t, const Problem &p);

extern "C" const lac_bundle lac_kernels;  // of tests/kernels.json
std::vector<std::string> runnable_tiers();
// Gives the problem the kernel's types and head sizes.
void fit(Problem &p, const lac_kernel_entry &entry);
// The kernel of the problem's types and head sizes that takes any pattern.
const lac_kernel_entry &general_kernel(const Problem &p = Problem());
lac_kernel find_kernel(const lac_kernel_entry &entry, const std::string &tier);
lac_pattern parse(const std::string &text);

}  // namespace lacuna
