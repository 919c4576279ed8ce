#include "cli/bench_case.h"
#include "cli/errors.h"
#include "cli/pattern_option.h"

namespace lacuna {

BenchEntry measure_remotely(const Remote &remote, const BenchCase &wanted) {
    const ProblemSize &s = wanted.size;
    std::mt19937 generator(1);
    const auto made = [&](int64_t rows, int32_t features, lac_type type, size_t row) {
        return stored_rows(normal_floats(rows, features, generator), type, row);
    };
    Stored q = made(s.rows(), s.head_dim, s.dtypes.q, static_cast<size_t>(s.head_dim)),
           k = made(s.kv_rows(), s.head_dim, s.dtypes.k, s.key_row(s.head_dim)),
           v = made(s.kv_rows(), s.value_dim, s.dtypes.v, s.key_row(s.value_dim));
    if (wanted.lists.router) throw usage("--lists routed: not with --target");
    if (wanted.lists.random.overshoot > 0) throw usage("--overshoot: not with --target");
    if (s.dtypes.fixed8()) refuse_single_keys_of_fixed8(wanted.pattern);
    const std::vector<int32_t> starts(static_cast<size_t>(s.batch), s.q_start);
    Lists lists;
    make_random_lists(wanted.lists.random, wanted.pattern, s.shape(starts.data(), nullptr), lists);
    std::vector<lac_pattern> patterns{wanted.pattern};
    if (wanted.dense)
        patterns.push_back(lac::pattern(wanted.pattern.bidi ? "bidi/dense" : "dense"));
    const RemoteResult result = attend_remotely(remote, wanted.test,
                                                {patterns,
                                                 s,
                                                 Through::of_phase(wanted.decode, s),
                                                 wanted.threads,
                                                 {},
                                                 wanted.rounds,
                                                 wanted.min_seconds,
                                                 std::move(q),
                                                 std::move(k),
                                                 std::move(v),
                                                 false,
                                                 lists.get()});
    const RemoteCall &call = result.calls[0];
    BenchEntry e{};
    e.pattern = canonical(wanted.pattern);
    e.kernel = call.kernel;
    e.tier = call.tier;
    e.size = s;
    e.threads = wanted.threads;
    e.samples = call.samples;
    e.counts = call.counts;
    if (wanted.dense) {
        e.dense = result.calls[1].samples;
        e.dense_counts = result.calls[1].counts;
    }
    e.attended_pairs = call.attended_pairs;
    e.crossover = call.crossover;
    e.workspace_bytes = call.workspace_bytes;
    e.plan_microseconds = call.plan_microseconds;
    if (lists.get()) e.lists = BenchLists{wanted.lists, lists.entries(), call.check_microseconds};
    if (wanted.decode)
        e.decode = {s.step_bytes(call.attended_pairs), 0, call.cache_bytes, call.state,
                    wanted.layers};
    return e;
}

}  // namespace lacuna
