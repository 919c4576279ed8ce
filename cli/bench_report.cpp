#include "cli/bench_report.h"

#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/process.h"

namespace lacuna {

namespace {

using Json = nlohmann::ordered_json;

std::string local_time() {
    char text[32], zone[8];
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    ::localtime_r(&now, &parts);
    std::strftime(text, sizeof text, "%FT%T", &parts);
    std::strftime(zone, sizeof zone, "%z", &parts);
    return std::string(text) + std::string(zone).insert(3, ":");  // "+00:00"
}

// Of the first processor, or "".
std::string cpuinfo(const std::string &key) {
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);) {
        const size_t colon = line.find(": ");
        if (colon != std::string::npos && line.rfind(key, 0) == 0) return line.substr(colon + 2);
    }
    return "";
}

Json context() {
    char host[256] = "";
    ::gethostname(host, sizeof host - 1);
    std::error_code ignored;
    Json json = {{"date", local_time()},
                 {"host_name", host},
                 {"executable", std::filesystem::read_symlink("/proc/self/exe", ignored).string()},
                 {"num_cpus", processors()}};
    if (const std::string mhz = cpuinfo("cpu MHz"); !mhz.empty())
        json["mhz_per_cpu"] = static_cast<int>(std::stod(mhz));
    if (const std::string model = cpuinfo("model name"); !model.empty()) json["cpu_model"] = model;
    json["library_version"] = LACUNA_VERSION;
    return json;
}

__attribute__((format(printf, 1, 2))) std::string format(const char *pattern, ...) {
    char text[64];
    std::va_list values;
    va_start(values, pattern);
    std::vsnprintf(text, sizeof text, pattern, values);
    va_end(values);
    return text;
}

// Who has lists of its own.
const char *heads_of(const BenchLists &lists, const ProblemSize &size) {
    if (lists.made.heads == 1) return "shared";
    return lists.made.heads == size.heads ? "query" : "kv";
}

std::string name_of(const BenchLists &lists, const ProblemSize &size) {
    std::string name = std::string("/lists:") + (lists.made.clustered ? "clustered" : "random");
    if (lists.made.heads > 1) name += std::string("/list_heads:") + heads_of(lists, size);
    if (lists.made.density) name += format("/density:%g", *lists.made.density);
    if (lists.made.globals > 0) name += "/globals:" + std::to_string(lists.made.globals);
    return name;
}

std::string name_of(const BenchEntry &e) {
    const ProblemSize &s = e.size;
    std::string name = "prefill/" + e.pattern + "/tokens:" + std::to_string(s.k_tokens) +
                       "/heads:" + std::to_string(s.heads) +
                       "/head_dim:" + std::to_string(s.head_dim);
    if (s.q_tokens != s.k_tokens) name += "/queries:" + std::to_string(s.q_tokens);
    if (s.kv_heads != s.heads) name += "/kv_heads:" + std::to_string(s.kv_heads);
    if (s.value_dim != s.head_dim) name += "/value_dim:" + std::to_string(s.value_dim);
    if (s.batch > 1) name += "/batch:" + std::to_string(s.batch);
    if (e.lists) name += name_of(*e.lists, s);
    return name + "/threads:" + std::to_string(e.threads);
}

Json lists_json(const BenchLists &lists, const ProblemSize &size) {
    return {{"lists", lists.made.clustered ? "clustered" : "random"},
            {"list_heads", heads_of(lists, size)},
            {"density", lists.made.density ? Json(*lists.made.density) : Json()},
            {"globals", lists.made.globals},
            {"list_entries", lists.entries},
            {"check_us", lists.check_microseconds}};
}

Json problem_json(const BenchEntry &e) {
    const ProblemSize &s = e.size;
    return {{"pattern", e.pattern},   {"phase", "prefill"},     {"tokens", s.k_tokens},
            {"queries", s.q_tokens},  {"batch", s.batch},       {"heads", s.heads},
            {"kv_heads", s.kv_heads}, {"head_dim", s.head_dim}, {"value_dim", s.value_dim},
            {"dtype", "f32"},         {"kv_dtype", "f32"},      {"kernel", e.kernel},
            {"tier", e.tier}};
}

Json speed_json(const BenchEntry &e) {
    const bool peak = e.peak_gflops > 0;
    return {{"min_ms", e.samples.percentile(0)},
            {"p50_ms", e.samples.percentile(50)},
            {"p95_ms", e.samples.percentile(95)},
            {"p99_ms", e.samples.percentile(99)},
            {"attended_pairs", e.attended_pairs / e.size.units()},
            {"total_pairs", e.attended_pairs},
            {"gflops", e.gflops()},
            {"peak_gflops", peak ? Json(e.peak_gflops) : Json()},
            {"ratio", peak ? Json(e.ratio()) : Json()},
            {"dense_min_ms", e.dense ? Json(e.dense->percentile(0)) : Json()},
            {"speedup", e.dense ? Json(e.speedup()) : Json()},
            {"workspace_bytes", e.workspace_bytes},
            {"plan_us", e.plan_microseconds}};
}

Json entry_json(const BenchEntry &e) {
    const std::string name = name_of(e);
    Json json = {{"name", name},
                 {"run_name", name},
                 {"run_type", "iteration"},
                 {"repetitions", 1},
                 {"repetition_index", 0},
                 {"threads", e.threads},
                 {"iterations", e.samples.count()},
                 {"real_time", e.samples.mean()},
                 {"cpu_time", e.samples.mean_cpu()},
                 {"time_unit", "ms"}};
    json.update(problem_json(e));
    json.update(speed_json(e));
    if (e.lists) json.update(lists_json(*e.lists, e.size));
    return json;
}

struct Column {
    const char *title;
    size_t width;  // 0: the pattern's
    std::string (*text)(const BenchEntry &);
};

// Four digits, whatever the size.
std::string number(double value) {
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
    {"GFLOP/s", 8, [](const BenchEntry &e) { return format("%.1f", e.gflops()); }},
    {"peak", 8,
     [](const BenchEntry &e) { return e.peak_gflops > 0 ? format("%.1f", e.peak_gflops) : "-"; }},
    {"ratio", 6,
     [](const BenchEntry &e) { return e.peak_gflops > 0 ? format("%.3f", e.ratio()) : "-"; }},
    {"dense ms", 9,
     [](const BenchEntry &e) { return e.dense ? number(e.dense->percentile(0)) : "-"; }},
    {"speed-up", 8,
     [](const BenchEntry &e) { return e.dense ? format("%.2fx", e.speedup()) : "-"; }},
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

}  // namespace

double BenchEntry::speedup() const {
    return dense ? dense->percentile(0) / samples.percentile(0) : 0;
}

double BenchEntry::gflops() const {
    const double per_pair = 2.0 * size.head_dim + 2.0 * size.value_dim;
    return per_pair * static_cast<double>(attended_pairs) / samples.percentile(0) / 1e6;
}

std::string table_header(const std::string &pattern) {
    std::string line;
    for (const Column &column : kColumns) line += aligned(column.title, column, pattern);
    return line;
}

std::string table_line(const BenchEntry &entry) {
    std::string line;
    for (const Column &column : kColumns)
        line += aligned(column.text(entry), column, entry.pattern);
    return line;
}

nlohmann::ordered_json google_benchmark_json(const std::vector<BenchEntry> &entries) {
    Json rows = Json::array();
    for (const BenchEntry &entry : entries) rows.push_back(entry_json(entry));
    return {{"context", context()}, {"benchmarks", rows}};
}

}  // namespace lacuna
