#include "cli/bench_html.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "cli/dtype.h"
#include "cli/elements.h"
#include "cli/svg_chart.h"

namespace lacuna {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char *kStyle =
    ":root{color-scheme:light dark;--ink:#1b1f24;--paper:#fff;--line:#d0d7de;--a:#0969da;"
    "--b:#bc4c00;--c:#57606a}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--paper:#0d1117;--line:#30363d;"
    "--a:#58a6ff;--b:#f0883e;--c:#8b949e}}"
    "body{font:15px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--paper);"
    "max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums}"
    "th,td{padding:.25rem .6rem;border-bottom:1px solid var(--line);text-align:right}"
    "th:first-child,td:first-child{text-align:left;overflow-wrap:anywhere;min-width:16rem}"
    "div{overflow-x:auto}svg{max-width:100%;height:auto}"
    "svg text{fill:var(--ink);font:12px system-ui,sans-serif}";

std::string escaped(const std::string &text) {
    std::string safe;
    for (const char c : text) {
        if (c == '<')
            safe += "&lt;";
        else if (c == '>')
            safe += "&gt;";
        else if (c == '&')
            safe += "&amp;";
        else
            safe += c;
    }
    return safe;
}

std::string number(const Json &value, const char *format = "%.4g") {
    if (!value.is_number()) return "–";
    char text[32];
    std::snprintf(text, sizeof text, format, value.get<double>());
    return text;
}

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

std::string roofline(const Json &entries, double gbps) {
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
    if (peak <= 0) return "";
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
    return "<h2>Roofline</h2>\n" + svg(chart);
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
    return e.at("pattern").get<std::string>() + ", " + e.at("phase").get<std::string>() + ", " +
           number(e.at("heads")) + " heads on " + number(e.at("kv_heads")) + " of " +
           number(e.at("head_dim")) + ", K and V " + e.at("kv_dtype").get<std::string>();
}

// A chart for all but length that has at least two lengths and dense beside them.
std::string over_length(const Json &entries) {
    std::map<std::string, std::pair<Series, Series>> kinds;
    for (const Json &e : entries) {
        if (!e.at("dense_min_ms").is_number()) continue;
        auto &[sparse, dense] = kinds[all_but_length(e)];
        const double tokens = e.at("tokens").get<double>();
        sparse.points.push_back({tokens, e.at("min_ms").get<double>()});
        dense.points.push_back({tokens, e["dense_min_ms"].get<double>()});
        sparse.name = e.at("pattern").get<std::string>();
    }
    std::string text;
    for (auto &[kind, both] : kinds) {
        auto &[sparse, dense] = both;
        if (sparse.points.size() < 2) continue;
        for (Series *s : {&sparse, &dense})
            std::sort(s->points.begin(), s->points.end(),
                      [](const ChartPoint &a, const ChartPoint &b) { return a.x < b.x; });
        sparse.name = escaped(sparse.name);
        sparse.colour = "var(--a)";
        dense.name = "dense";
        dense.colour = "var(--b)";
        sparse.line = dense.line = true;
        Chart chart{escaped(kind), "tokens", "ms", {sparse, dense}, {}};
        if (const double at = crossover(sparse, dense); at > 0) chart.mark = at;
        text += svg(chart);
    }
    return text.empty() ? "" : "<h2>Sparse and dense over length</h2>\n" + text;
}

std::string table(const Json &entries) {
    std::string text =
        "<h2>Times</h2>\n<div><table><tr><th>name<th>min ms<th>p50<th>p95<th>p99<th>GFLOP/s"
        "<th>of the peak<th>dense ms<th>times as fast</tr>\n";
    for (const Json &e : entries) {
        text += "<tr><td>" + escaped(e.at("name").get<std::string>());
        for (const char *key : {"min_ms", "p50_ms", "p95_ms", "p99_ms"})
            text += "<td>" + number(e.at(key));
        text += "<td>" + number(e.at("gflops"), "%.1f") + "<td>" + number(e.at("ratio"), "%.3f") +
                "<td>" + number(e.at("dense_min_ms")) + "<td>" + number(e.at("speedup"), "%.2f") +
                "</tr>\n";
    }
    return text + "</table></div>\n";
}

}  // namespace

std::string html_report(const Json &report, double gbps) {
    const Json &entries = report.at("benchmarks"), &context = report.at("context");
    std::string machine = context.value("cpu_model", "unknown CPU");
    machine += ", " + context.at("date").get<std::string>() + ", lacuna " +
               context.at("library_version").get<std::string>();
    std::set<std::string> patterns;
    for (const Json &e : entries) patterns.insert(escaped(e.at("pattern").get<std::string>()));
    const std::string pattern =
        patterns.size() == 1 ? *patterns.begin() : std::to_string(patterns.size()) + " patterns";
    return "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">"
           "<meta name=\"viewport\" content=\"width=device-width\">\n<title>lacuna bench: " +
           pattern + "</title>\n<style>" + kStyle + "</style>\n<h1>" + pattern + "</h1>\n<p>" +
           escaped(machine) + "</p>\n" + roofline(entries, gbps) + over_length(entries) +
           table(entries) + "</html>\n";
}

}  // namespace lacuna
