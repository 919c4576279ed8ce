// What a benchmark found, as text.
#include <algorithm>
#include <cmath>

#include "cli/bench_report.h"
#include "cli/format.h"

namespace lacuna {

namespace {

struct Column {
    const char *title;
    size_t width;  // 0: the pattern's
    std::string (*text)(const BenchEntry &);
};

// NaN is what nothing measured.
std::string known(const char *form, double value) {
    return std::isnan(value) ? "-" : format(form, value);
}
// Four digits, whatever the size.
std::string number(double value) {
    if (std::isnan(value)) return "-";
    if (value < 10) return format("%.3f", value);
    return format(value < 100 ? "%.2f" : "%.1f", value);
}
std::string time(const BenchEntry &e, double percent) {
    return number(e.samples.percentile(percent));
}

std::string head_size(const BenchEntry &e) {
    const std::string d = std::to_string(e.size.head_dim);
    return e.size.value_dim == e.size.head_dim ? d : d + "x" + std::to_string(e.size.value_dim);
}

const Column kColumns[] = {
    {"pattern", 0, [](const BenchEntry &e) { return e.pattern; }},
    {"tokens", 7, [](const BenchEntry &e) { return std::to_string(e.size.k_tokens); }},
    {"head dim", 8, head_size},
    {"tier", 10, [](const BenchEntry &e) { return e.tier; }},
    {"min ms", 8, [](const BenchEntry &e) { return time(e, 0); }},
    {"p50", 8, [](const BenchEntry &e) { return time(e, 50); }},
    {"p95", 8, [](const BenchEntry &e) { return time(e, 95); }},
    {"p99", 8, [](const BenchEntry &e) { return time(e, 99); }},
    {"GFLOP/s", 8, [](const BenchEntry &e) { return known("%.1f", e.gflops()); }},
    {"peak", 8,
     [](const BenchEntry &e) { return e.peak_gflops > 0 ? format("%.1f", e.peak_gflops) : "-"; }},
    {"ratio", 6,
     [](const BenchEntry &e) { return e.peak_gflops > 0 ? format("%.3f", e.ratio()) : "-"; }},
    {"dense ms", 9,
     [](const BenchEntry &e) { return e.dense ? number(e.dense->percentile(0)) : "-"; }},
    {"speed-up", 8,
     [](const BenchEntry &e) { return e.dense ? known("%.2fx", e.speedup()) : "-"; }},
    {"workspace", 9,
     [](const BenchEntry &e) {
         return format("%.1f MB", static_cast<double>(e.workspace_bytes) / 1e6);
     }},
    {"plan us", 8, [](const BenchEntry &e) { return number(e.plan_microseconds); }},
};

// The pattern to the left, numbers to the right.
std::string aligned(const std::string &text, const Column &column, const std::string &pattern) {
    if (column.width == 0) {
        const size_t width = std::max(pattern.size(), std::string(column.title).size());
        return text + std::string(width - text.size(), ' ');
    }
    const size_t blanks = column.width > text.size() ? column.width - text.size() : 0;
    return "  " + std::string(blanks, ' ') + text;
}

std::string percentiles(const Samples &samples) {
    return "min " + number(samples.percentile(0)) + " ms, p50 " + number(samples.percentile(50)) +
           ", p95 " + number(samples.percentile(95)) + ", p99 " + number(samples.percentile(99));
}

std::string millions(int64_t count) { return number(static_cast<double>(count) / 1e6) + " M"; }

std::string counts_text(const CallCounts &counts) {
    std::string text = millions(counts.executed) + " " + counts.unit;
    for (const auto &[cpu, cycles] : counts.cycles)
        text += ", " + millions(cycles) + " cycles of " + cpu;
    return text;
}

// Lines of their own for what few entries have.
std::string notes(const BenchEntry &e) {
    std::string text;
    if (e.crossover > 0) text += "\n  dense order below " + std::to_string(e.crossover) + " tokens";
    if (e.decode) {
        const double peak = e.decode->peak_gbps;
        text += format("\n  reads %.2f MB", static_cast<double>(e.decode->read_bytes) / 1e6) +
                " at " + known("%.1f", e.gbps()) + (peak > 0 ? format(" of %.1f", peak) : "") +
                " GB/s, " + std::to_string(e.decode->state.kept) + " keys kept" +
                format(", cache %.2f MB", static_cast<double>(e.decode->cache_bytes) / 1e6) +
                "\n  attention of " + std::to_string(e.decode->layers) +
                " layers: " + known("%.1f", e.tokens_per_second()) + " tokens/s";
    }
    if (e.counts) text += "\n  a call: " + counts_text(*e.counts);
    if (e.dense_counts) text += "\n  dense: " + counts_text(*e.dense_counts);
    if (e.route) {
        text +=
            "\n  lac_route, " + route_name(e.route->method) + ": " + percentiles(e.route->samples);
        if (e.route->share) text += format(", %.3f of dense", *e.route->share);
    }
    if (e.overshoot)
        text += "\n  without the cap, rows of " + std::to_string(e.overshoot->candidates) + ": " +
                percentiles(e.overshoot->uncapped) +
                "; lac_topk_select: " + number(1e3 * e.overshoot->select.percentile(0)) + " us";
    return text;
}

}  // namespace

std::string table_header(const std::string &pattern) {
    std::string line;
    for (const Column &column : kColumns) line += aligned(column.title, column, pattern);
    return line;
}

std::string table_line(const BenchEntry &entry) {
    std::string line;
    for (const Column &column : kColumns)
        line += aligned(column.text(entry), column, entry.pattern);
    return line + notes(entry);
}

}  // namespace lacuna
