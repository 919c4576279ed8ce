// A benchmark as one HTML file that needs no other: a roofline, sparse against dense over length,
// and the percentiles.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "cli/bench_charts.h"

namespace lacuna {

// report: as google_benchmark_json() makes it.
std::string html_report(const nlohmann::ordered_json &report, const BenchCharts &charts);

}  // namespace lacuna
