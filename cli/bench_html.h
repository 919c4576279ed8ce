// A benchmark as one HTML file that needs no other: a roofline, sparse against dense over length,
// and the percentiles.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace lacuna {

// report: as google_benchmark_json() makes it. gbps: of memory; 0: not drawn.
std::string html_report(const nlohmann::ordered_json &report, double gbps);

}  // namespace lacuna
