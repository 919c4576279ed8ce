#include "cli/duel.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <random>

#include "bench/bandwidth.h"
#include "bench/peak.h"
#include "cli/bench_case.h"
#include "cli/check.h"
#include "cli/decoder.h"
#include "cli/elements.h"
#include "cli/measure.h"

namespace lacuna {

namespace {

using Clock = std::chrono::steady_clock;

// Long enough for items of a whole chunk and of the rest; queries that fill the tile and do not. A
// step runs the kernel for few rows where they are few: one query, with the job's groups of heads
// and with a KV head for each. The heads are the job's: the pattern may tell them apart.
std::vector<ProblemSize> checked_sizes(const TuneJob &job) {
    ProblemSize s = job.size;
    s.batch = 1;
    s.k_tokens = std::min(s.k_tokens, 701);
    s.q_tokens = job.decode ? 1 : s.k_tokens;
    s.q_start = s.k_tokens - s.q_tokens;
    if (!job.decode) return {s};
    ProblemSize single = s;
    single.kv_heads = s.heads;
    return {s, single};
}

// One side of a duel, ready to be called.
class Side {
public:
    Side(const TuneJob &job, const lac_bundle &bundle, std::mt19937 generator)
        : size_(job.size),
          q_(normal_numbers(size_.rows(), size_.head_dim, size_.dtypes.q, generator)),
          k_(normal_numbers(size_.kv_rows(), size_.head_dim, size_.dtypes.k, generator)),
          v_(normal_numbers(size_.kv_rows(), size_.value_dim, size_.dtypes.v, generator)),
          out_(static_cast<size_t>(size_.rows() * size_.value_dim) *
               lac_type_bytes(size_.dtypes.q)) {
        if (!job.decode) {
            problem_ = std::make_unique<Problem>(bundle, job.pattern, size_, nullptr, job.threads);
            return;
        }
        decoder_ = std::make_unique<Decoder>(find_kernel(bundle, job.pattern, size_), job.pattern,
                                             size_, job.threads);
        while (decoder_->tokens() < size_.k_tokens)
            decoder_->append(k_.data(), v_.data(),
                             std::min(size_.q_tokens, size_.k_tokens - decoder_->tokens()));
        decoder_->plan(size_.q_tokens);
    }

    // The least of at least one call.
    double least_ms(double seconds) {
        const auto first = Clock::now();
        double least = 0;
        do {
            const auto start = Clock::now();
            call();
            const double ms =
                std::chrono::duration<double, std::milli>(Clock::now() - start).count();
            least = least == 0 ? ms : std::min(least, ms);
        } while (std::chrono::duration<double>(Clock::now() - first).count() < seconds);
        return least;
    }

    double of_peak(const TuneJob &job, double ms) const {
        const int64_t pairs = decoder_ ? decoder_->attended_pairs() : problem_->attended_pairs();
        const double peak = fma_peak_gflops(job.tier->name, job.threads);
        const double flops = 2.0 * (size_.head_dim + size_.value_dim) * static_cast<double>(pairs);
        const double arithmetic = peak > 0 ? flops / ms / 1e6 / peak : 0;
        if (!decoder_) return arithmetic;
        const size_t bytes = size_.step_bytes(pairs);
        return std::max(arithmetic,
                        static_cast<double>(bytes) / ms / 1e6 / read_gbps(bytes, job.threads));
    }

private:
    void call() {
        if (decoder_)
            decoder_->step(q_.data(), out_.data());
        else
            problem_->attend(q_.data(), k_.data(), v_.data(), out_.data());
    }

    const ProblemSize size_;
    Stored q_, k_, v_, out_;
    std::unique_ptr<Problem> problem_;
    std::unique_ptr<Decoder> decoder_;
};

}  // namespace

BundleRequest TuneJob::request(const Tile &tile) const {
    Tiles tiles = usual;
    (decode ? tiles.few : tiles.tile) = tile;
    // A step's tile is part of a whole one.
    if (!decode && tiles.few.rows > tile.rows) tiles.few = tier->few;
    return {"lac_tuned",
            *find_platform("host"),
            {tier},
            {kernel},
            [tiles](const KernelSpec &, const Tier &) { return tiles; }};
}

namespace {

std::string disagreement(const TuneJob &job, const lac_bundle &candidate, const ProblemSize &s) {
    std::mt19937 generator(2);
    const auto numbers_of = [&](int64_t rows, int32_t features, lac_type type) {
        const auto d = static_cast<size_t>(features);
        return as_stored_rows(normal_floats(rows, features, generator), type, d);
    };
    Tensors t{{{}, numbers_of(s.rows(), s.head_dim, s.dtypes.q)},
              {{}, numbers_of(s.kv_rows(), s.head_dim, s.dtypes.k)},
              {{}, numbers_of(s.kv_rows(), s.value_dim, s.dtypes.v)},
              s};
    Stored q = stored(t.q.data, s.dtypes.q),
           k = stored_rows(t.k.data, s.dtypes.k, static_cast<size_t>(s.head_dim)),
           v = stored_rows(t.v.data, s.dtypes.v, static_cast<size_t>(s.value_dim)),
           out = stored(std::vector<float>(static_cast<size_t>(s.rows() * s.value_dim), NAN),
                        s.dtypes.q);
    std::vector<float> sums(static_cast<size_t>(s.rows()), NAN);
    lac_args args{};
    args.log_sum_exp = sums.data();
    Problem(candidate, job.pattern, s, nullptr, job.threads)
        .attend(q.data(), k.data(), v.data(), out.data(), args);
    const Agreement a = check_against_oracle(t, job.pattern, nullptr, 1 / std::sqrt(s.head_dim), 0,
                                             numbers(out, s.dtypes.q), sums);
    return a.holds() ? ""
                     : "NMSE " + std::to_string(a.nmse) + ", log-sum-exp " +
                           std::to_string(a.log_sum_exp_error);
}

}  // namespace

std::string disagreement(const TuneJob &job, const lac_bundle &candidate) {
    std::string found;
    for (const ProblemSize &size : checked_sizes(job))
        if (found.empty()) found = disagreement(job, candidate, size);
    return found;
}

DuelResult duel(const TuneJob &job, const lac_bundle &candidate, const lac_bundle &rival,
                const Patience &patience) {
    const std::mt19937 generator(1);
    Side a(job, candidate, generator), b(job, rival, generator);
    a.least_ms(0);  // caches and pages
    b.least_ms(0);
    DuelResult result{INFINITY, INFINITY, 1, 0, 0, 0};
    Samples ratios;
    for (int round = 0; round < patience.rounds; round++) {
        // Each goes first in turn: the other finds the caches as it left them.
        Side *const order[] = {round % 2 == 0 ? &a : &b, round % 2 == 0 ? &b : &a};
        double ms[2];
        for (const int i : {0, 1}) ms[i] = order[i]->least_ms(patience.round_seconds);
        const double of_candidate = ms[round % 2], of_rival = ms[1 - round % 2];
        result.candidate_ms = std::min(result.candidate_ms, of_candidate);
        result.rival_ms = std::min(result.rival_ms, of_rival);
        ratios.add(of_candidate / of_rival);
        result.rounds++;
        // Each quarter of the rounds halves what a candidate may lag and go on.
        const int quarter = std::max(1, patience.rounds / 4);
        const double lag = patience.give_up / std::pow(2, (round + 1) / quarter - 1);
        if (patience.give_up > 0 && (round + 1) % quarter == 0 &&
            result.candidate_ms > result.rival_ms * (1 + lag))
            break;
    }
    result.median_ratio = ratios.percentile(50);
    result.candidate_of_peak = a.of_peak(job, result.candidate_ms);
    result.rival_of_peak = result.candidate_of_peak * result.candidate_ms / result.rival_ms;
    return result;
}

}  // namespace lacuna
