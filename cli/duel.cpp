#include "cli/duel.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>

#include "bench/bandwidth.h"
#include "bench/peak.h"
#include "cli/bench_case.h"
#include "cli/decoder.h"
#include "cli/elements.h"
#include "cli/measure.h"

namespace lacuna {

namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

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

std::string disagreement(const TuneJob &job, const lac_bundle &candidate) {
    for (const ProblemSize &s : checked_sizes(job)) {
        CheckedCall call = checked_call(s);
        Stored out = stored(std::vector<float>(static_cast<size_t>(s.rows() * s.value_dim), NAN),
                            s.dtypes.q);
        std::vector<float> sums(static_cast<size_t>(s.rows()), NAN);
        lac_args args{};
        args.log_sum_exp = sums.data();
        Problem(candidate, job.pattern, s, nullptr, job.threads)
            .attend(call.q.data(), call.k.data(), call.v.data(), out.data(), args);
        if (const std::string wrong = disagreement(job, call, out, sums); !wrong.empty())
            return wrong;
    }
    return "";
}

std::string duel_text(const DuelResult &d) {
    Json json{{"candidate", d.candidate},         {"rival", d.rival},
              {"median_ratio", d.median_ratio},   {"candidate_of_peak", d.candidate_of_peak},
              {"rival_of_peak", d.rival_of_peak}, {"rounds", d.rounds}};
    if (d.candidate_counts) json["candidate_counts"] = counts_json("", *d.candidate_counts);
    if (d.rival_counts) json["rival_counts"] = counts_json("", *d.rival_counts);
    return json.dump() + "\n";
}

std::optional<DuelResult> parse_duel(const std::string &output) try {
    const size_t at = output.find("{\"candidate\"");
    if (at == std::string::npos) return std::nullopt;
    const Json json = Json::parse(output.substr(at, output.find('\n', at) - at));
    DuelResult d{json.at("candidate"),         json.at("rival"),         json.at("median_ratio"),
                 json.at("candidate_of_peak"), json.at("rival_of_peak"), json.at("rounds")};
    if (json.contains("candidate_counts")) d.candidate_counts = counts_in(json["candidate_counts"]);
    if (json.contains("rival_counts")) d.rival_counts = counts_in(json["rival_counts"]);
    return d;
} catch (const nlohmann::json::exception &) {
    return std::nullopt;
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
        result.candidate = std::min(result.candidate, of_candidate);
        result.rival = std::min(result.rival, of_rival);
        ratios.add(of_candidate / of_rival);
        result.rounds++;
        // Each quarter of the rounds halves what a candidate may lag and go on.
        const int quarter = std::max(1, patience.rounds / 4);
        const double lag = patience.give_up / std::pow(2, (round + 1) / quarter - 1);
        if (patience.give_up > 0 && (round + 1) % quarter == 0 &&
            result.candidate > result.rival * (1 + lag))
            break;
    }
    result.median_ratio = ratios.percentile(50);
    result.candidate_of_peak = a.of_peak(job, result.candidate);
    result.rival_of_peak = result.candidate_of_peak * result.candidate / result.rival;
    return result;
}

}  // namespace lacuna
