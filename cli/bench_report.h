// What a benchmark found, as a table and in Google Benchmark's JSON format.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/bench_lists.h"
#include "cli/block_cycles.h"
#include "cli/measure.h"
#include "cli/problem.h"
#include "runtime/include/lacuna/cache.h"

namespace lacuna {

struct BenchLists {
    ListSource made;
    int64_t entries;
    double check_microseconds;
};

struct BenchRoute {  // lac_route, which made the lists
    lac_route_method method;
    Samples samples;
    std::optional<double> share;  // of the dense kernel's time
};

struct BenchOvershoot {
    int64_t candidates;  // of a row that has too many
    Samples uncapped;    // attention with all that the router gave
    int64_t uncapped_pairs;
    Samples select;  // lac_topk_select, which cut the lists
};

struct BenchDecode {
    size_t read_bytes;  // keys and values of a step
    double peak_gbps;   // of memory that holds so much; 0: unknown
    size_t cache_bytes;
    lac_cache_state state;
    int layers;  // of a model, for tokens_per_second
};

struct BenchEntry {
    std::string pattern, kernel, tier;
    ProblemSize size;
    int threads;
    Samples samples;
    std::optional<Samples> dense;
    std::optional<BenchRoute> route;
    std::optional<BenchOvershoot> overshoot;
    int64_t attended_pairs;  // over all sequences and query heads
    int32_t crossover;       // of lac_plan_crossover; 0: none
    double peak_gflops;      // 0: unknown
    size_t workspace_bytes;
    double plan_microseconds;
    std::optional<BenchLists> lists;                 // none: the pattern reads none
    std::optional<BenchDecode> decode;               // none: prefill
    std::optional<CallCounts> counts, dense_counts;  // by an emulator that counts

    double gflops() const;
    double gbps() const;               // of decode
    double tokens_per_second() const;  // of decode: as if a token were the attention of its layers
    double ratio() const;              // of the peak; in decode, of the roof that binds
    double speedup() const;            // over dense; 0: not measured
};

std::string table_header(const std::string &pattern);
std::string table_line(const BenchEntry &entry);  // and lines below it for what few have

nlohmann::ordered_json google_benchmark_json(const std::vector<BenchEntry> &entries);

}  // namespace lacuna
