// What a benchmark's report draws.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <vector>

#include "cli/svg_chart.h"

namespace lacuna {

struct BenchCharts {
    std::optional<Chart> roofline;   // none: no peak was measured
    std::vector<Chart> over_length;  // sparse and dense, where two lengths or more were
};

// report: as google_benchmark_json() makes it. gbps: of memory; 0: not drawn.
BenchCharts bench_charts(const nlohmann::ordered_json &report, double gbps);

}  // namespace lacuna
