#include "cli/bench_html.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>

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

std::string number(const Json &value, const char *format = "%.4g") {
    if (!value.is_number()) return "–";
    char text[32];
    std::snprintf(text, sizeof text, format, value.get<double>());
    return text;
}

std::string drawn(const BenchCharts &charts) {
    std::string text;
    if (charts.roofline) text += "<h2>Roofline</h2>\n" + svg(*charts.roofline);
    if (!charts.over_length.empty()) text += "<h2>Sparse and dense over length</h2>\n";
    for (const Chart &chart : charts.over_length) text += svg(chart);
    return text;
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

std::string html_report(const Json &report, const BenchCharts &charts) {
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
           escaped(machine) + "</p>\n" + drawn(charts) + table(entries) + "</html>\n";
}

}  // namespace lacuna
