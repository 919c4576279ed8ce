#include "cli/tune_job.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "cli/bench_case.h"
#include "cli/check.h"

namespace lacuna {

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

Tiles TuneJob::tiles(const Tile &tile) const {
    Tiles tiles = usual;
    (decode ? tiles.few : tiles.tile) = tile;
    // A step's tile is part of a whole one.
    if (!decode && tiles.few.rows > tile.rows) tiles.few = tier->few;
    return tiles;
}

BundleRequest TuneJob::request(const Tile &tile, const std::string &name) const {
    return {
        name, *platform, {tier}, {kernel}, [tiles = tiles(tile)](const KernelSpec &, const Tier &) {
            return tiles;
        }};
}

CheckedCall checked_call(const ProblemSize &s) {
    std::mt19937 generator(2);
    const auto numbers_of = [&](int64_t rows, int32_t features, lac_type type) {
        const auto d = static_cast<size_t>(features);
        return as_stored_rows(normal_floats(rows, features, generator), type, d);
    };
    const Tensors t{{{}, numbers_of(s.rows(), s.head_dim, s.dtypes.q)},
                    {{}, numbers_of(s.kv_rows(), s.head_dim, s.dtypes.k)},
                    {{}, numbers_of(s.kv_rows(), s.value_dim, s.dtypes.v)},
                    s};
    return {t, stored(t.q.data, s.dtypes.q),
            stored_rows(t.k.data, s.dtypes.k, static_cast<size_t>(s.head_dim)),
            stored_rows(t.v.data, s.dtypes.v, static_cast<size_t>(s.value_dim))};
}

std::string disagreement(const TuneJob &job, const CheckedCall &call, const Stored &out,
                         const std::vector<float> &log_sum_exp) {
    const ProblemSize &s = call.tensors.size;
    const Agreement a =
        check_against_oracle(call.tensors, job.pattern, nullptr, 1 / std::sqrt(s.head_dim), 0,
                             numbers(out, s.dtypes.q), log_sum_exp);
    return a.holds() ? ""
                     : "NMSE " + std::to_string(a.nmse) + ", log-sum-exp " +
                           std::to_string(a.log_sum_exp_error);
}

}  // namespace lacuna
