#include "cli/bench_charts.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/dtype.h"
#include "cli/elements.h"

namespace lacuna {

namespace {

using Json = nlohmann::ordered_json;

// Multiply-adds, twice, of what is attended by the bytes of all tensors, each moved once.
double intensity(const Json &e) {
    const auto of = [&](const char *key) { return e.at(key).get<double>(); };
    const Dtypes types = read_dtypes(e.at("dtype"), e.at("kv_dtype"), "dtype", "kv_dtype");
    const int d = e.at("head_dim"), dv = e.at("value_dim");
    const auto rows = [](lac_type a, int a_features, lac_type b, int b_features) {
        return static_cast<double>(row_bytes(a, a_features) + row_bytes(b, b_features));
    };
    const double q = of("batch") * of("heads") * of("queries") * rows(types.q, d, types.q, dv);
    const double kv = of("batch") * of("kv_heads") * of("tokens") * rows(types.k, d, types.v, dv);
    const double read = e.contains("read_bytes") ? of("read_bytes") : kv;
    return 2.0 * (d + dv) * of("total_pairs") / (q + read);
}

std::optional<Chart> roofline(const Json &entries, double gbps) {
    Chart chart{"Multiply-adds per byte and per second", "flop per byte", "GFLOP/s", {}, {}};
    double peak = 0, least = 1e9, most = 1;
    Series points{"measured", "var(--a)", {}, false};
    for (const Json &e : entries) {
        if (e.at("peak_gflops").is_number()) peak = std::max(peak, e["peak_gflops"].get<double>());
        const double at = intensity(e);
        least = std::min(least, at);
        most = std::max(most, at);
        points.points.push_back({at, e.at("gflops").get<double>()});
    }
    if (peak <= 0) return {};
    Series roof{"roof", "var(--c)", {}, true};
    if (gbps > 0) {
        const double ridge = peak / gbps;
        least = std::min(least, ridge / 4);
        most = std::max(most, ridge);
        roof.points.push_back({least, least * gbps});
        roof.points.push_back({ridge, peak});
    } else {
        roof.points.push_back({least / 2, peak});
    }
    roof.points.push_back({most * 2, peak});
    chart.series = {roof, points};
    return chart;
}

// The length from which on sparse is faster, between two that were measured; 0: not between them.
double crossover(const Series &sparse, const Series &dense) {
    for (size_t i = 1; i < sparse.points.size(); i++) {
        const double before = std::log(dense.points[i - 1].y / sparse.points[i - 1].y);
        const double after = std::log(dense.points[i].y / sparse.points[i].y);
        if (before >= 0 || after < 0) continue;
        const double part = before / (before - after);
        return std::exp((1 - part) * std::log(sparse.points[i - 1].x) +
                        part * std::log(sparse.points[i].x));
    }
    return 0;
}

// What entries that differ in length alone have in common.
std::string all_but_length(const Json &e) {
    const auto text = [&](const char *key) { return std::to_string(e.at(key).get<int>()); };
    return e.at("pattern").get<std::string>() + ", " + e.at("phase").get<std::string>() + ", " +
           text("heads") + " heads on " + text("kv_heads") + " of " + text("head_dim") +
           ", K and V " + e.at("kv_dtype").get<std::string>();
}

// A chart for all but length that has at least two lengths and dense beside them.
std::vector<Chart> over_length(const Json &entries) {
    std::map<std::string, std::pair<Series, Series>> kinds;
    for (const Json &e : entries) {
        if (!e.at("dense_min_ms").is_number()) continue;
        auto &[sparse, dense] = kinds[all_but_length(e)];
        const double tokens = e.at("tokens").get<double>();
        sparse.points.push_back({tokens, e.at("min_ms").get<double>()});
        dense.points.push_back({tokens, e["dense_min_ms"].get<double>()});
        sparse.name = e.at("pattern").get<std::string>();
    }
    std::vector<Chart> charts;
    for (auto &[kind, both] : kinds) {
        auto &[sparse, dense] = both;
        if (sparse.points.size() < 2) continue;
        for (Series *s : {&sparse, &dense})
            std::sort(s->points.begin(), s->points.end(),
                      [](const ChartPoint &a, const ChartPoint &b) { return a.x < b.x; });
        sparse.colour = "var(--a)";
        dense.name = "dense";
        dense.colour = "var(--b)";
        sparse.line = dense.line = true;
        Chart chart{kind, "tokens", "ms", {sparse, dense}, {}};
        if (const double at = crossover(sparse, dense); at > 0) chart.mark = at;
        charts.push_back(chart);
    }
    return charts;
}

}  // namespace

BenchCharts bench_charts(const Json &report, double gbps) {
    const Json &entries = report.at("benchmarks");
    return {roofline(entries, gbps), over_length(entries)};
}

}  // namespace lacuna
