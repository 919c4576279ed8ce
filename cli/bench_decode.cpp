// A step of decode: the last tokens of sequences in caches, beside the bandwidth of the memory that
// holds their keys.
#include <algorithm>
#include <random>

#include "bench/bandwidth.h"
#include "bench/peak.h"
#include "cli/bench_case.h"
#include "cli/decoder.h"
#include "cli/elements.h"
#include "cli/pattern_option.h"

namespace lacuna {

namespace {

class DecodeTrial {
public:
    explicit DecodeTrial(const BenchCase &wanted)
        : case_(wanted),
          generator_(1),
          queries_(normal_numbers(wanted.size.rows(), wanted.size.head_dim, wanted.size.dtypes.q,
                                  generator_)),
          out_(normal_numbers(wanted.size.rows(), wanted.size.value_dim, wanted.size.dtypes.q,
                              generator_)) {
        decoder_ = filled(case_.pattern);
        if (case_.dense) dense_ = filled(lac::pattern("dense"));
    }

    BenchEntry measured() {
        for (Decoder *d : {decoder_.get(), dense_.get()})
            if (d) calls_.push_back({[this, d] { d->step(queries_.data(), out_.data()); }, {}});
        double gflops = 0, gbps = 0;
        measure(calls_, case_.rounds, case_.min_seconds, [&] {
            gflops = std::max(gflops, fma_peak_gflops(decoder_->tier(), case_.threads));
            gbps = std::max(gbps, read_gbps(read_bytes(), case_.threads));
        });
        return entry(gflops, gbps);
    }

private:
    std::unique_ptr<Decoder> filled(const lac_pattern &pattern) {
        const ProblemSize &s = case_.size;
        auto decoder = std::make_unique<Decoder>(pattern, s, case_.threads, case_.test);
        Stored k = normal_numbers(s.kv_rows(), s.head_dim, s.dtypes.k, generator_);
        Stored v = normal_numbers(s.kv_rows(), s.value_dim, s.dtypes.v, generator_);
        while (decoder->tokens() < s.k_tokens)
            decoder->append(k.data(), v.data(),
                            std::min(s.q_tokens, s.k_tokens - decoder->tokens()));
        decoder->plan(s.q_tokens);
        return decoder;
    }

    size_t read_bytes() const { return case_.size.step_bytes(decoder_->attended_pairs()); }

    BenchEntry entry(double gflops, double gbps) {
        BenchEntry e{};
        e.pattern = canonical(case_.pattern);
        e.kernel = decoder_->kernel();
        e.tier = decoder_->tier();
        e.size = case_.size;
        e.threads = case_.threads;
        e.samples = calls_[0].samples;
        if (dense_) e.dense = calls_[1].samples;
        e.attended_pairs = decoder_->attended_pairs();
        e.peak_gflops = gflops;
        e.workspace_bytes = decoder_->workspace_bytes();
        e.plan_microseconds = decoder_->plan_microseconds();
        e.decode = {read_bytes(), gbps, decoder_->cache_bytes(), decoder_->state(), case_.layers};
        return e;
    }

    const BenchCase &case_;
    std::mt19937 generator_;
    Stored queries_, out_;
    std::unique_ptr<Decoder> decoder_, dense_;
    std::vector<Timed> calls_;
};

}  // namespace

BenchEntry measure_decode(const BenchCase &wanted) { return DecodeTrial(wanted).measured(); }

}  // namespace lacuna
