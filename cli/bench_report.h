// What a benchmark found, as a table and in Google Benchmark's JSON format.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "bench/random_lists.h"
#include "cli/measure.h"
#include "cli/problem.h"

namespace lacuna {

struct BenchLists {
    ListRecipe made;
    int64_t entries;
    double check_microseconds;
};

struct BenchEntry {
    std::string pattern, kernel, tier;
    ProblemSize size;
    int threads;
    Samples samples;
    std::optional<Samples> dense;
    int64_t attended_pairs;  // over all sequences and query heads
    double peak_gflops;      // 0: unknown
    size_t workspace_bytes;
    double plan_microseconds;
    std::optional<BenchLists> lists;  // none: the pattern reads none

    double gflops() const;
    double ratio() const { return gflops() / peak_gflops; }  // of the peak
    double speedup() const;                                  // over dense; 0: not measured
};

std::string table_header(const std::string &pattern);
std::string table_line(const BenchEntry &entry);

nlohmann::ordered_json google_benchmark_json(const std::vector<BenchEntry> &entries);

}  // namespace lacuna
