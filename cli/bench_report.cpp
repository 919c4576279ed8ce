#include "cli/bench_report.h"

#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

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

// Who has lists of its own.
const char *heads_of(const BenchLists &lists, const ProblemSize &size) {
    if (lists.made.random.heads == 1) return "shared";
    return lists.made.random.heads == size.heads ? "query" : "kv";
}

const char *kind_of(const BenchLists &lists) {
    if (lists.made.router) return "routed";
    return lists.made.random.clustered ? "clustered" : "random";
}

std::string name_of(const BenchLists &lists, const ProblemSize &size) {
    const ListRecipe &random = lists.made.random;
    std::ostringstream name;
    name << "/lists:" << kind_of(lists);
    if (lists.made.router) name << "/route:" << route_name(*lists.made.router);
    if (random.heads > 1) name << "/list_heads:" << heads_of(lists, size);
    if (random.density) name << "/density:" << *random.density;
    if (random.overshoot > 0) name << "/overshoot:" << random.overshoot;
    if (random.globals > 0) name << "/globals:" << random.globals;
    return name.str();
}

std::string phase_of(const BenchEntry &e) { return e.decode ? "decode" : "prefill"; }

std::string name_of(const BenchEntry &e) {
    const ProblemSize &s = e.size;
    std::string name = phase_of(e) + "/" + e.pattern + "/tokens:" + std::to_string(s.k_tokens) +
                       "/heads:" + std::to_string(s.heads) +
                       "/head_dim:" + std::to_string(s.head_dim);
    if (s.q_tokens != s.k_tokens) name += "/queries:" + std::to_string(s.q_tokens);
    if (s.kv_heads != s.heads) name += "/kv_heads:" + std::to_string(s.kv_heads);
    if (s.value_dim != s.head_dim) name += "/value_dim:" + std::to_string(s.value_dim);
    if (s.dtypes.name() != "f32") name += "/dtype:" + s.dtypes.name();
    if (s.own_order) name += "/own_order";
    if (s.batch > 1) name += "/batch:" + std::to_string(s.batch);
    if (e.lists) name += name_of(*e.lists, s);
    return name + "/threads:" + std::to_string(e.threads);
}

Json lists_json(const BenchLists &lists, const ProblemSize &size) {
    const ListRecipe &random = lists.made.random;
    return {{"lists", kind_of(lists)},
            {"list_heads", heads_of(lists, size)},
            {"density", random.density ? Json(*random.density) : Json()},
            {"globals", random.globals},
            {"list_entries", lists.entries},
            {"check_us", lists.check_microseconds}};
}

Json problem_json(const BenchEntry &e) {
    const ProblemSize &s = e.size;
    return {{"pattern", e.pattern},
            {"phase", phase_of(e)},
            {"tokens", s.k_tokens},
            {"queries", s.q_tokens},
            {"batch", s.batch},
            {"heads", s.heads},
            {"kv_heads", s.kv_heads},
            {"head_dim", s.head_dim},
            {"value_dim", s.value_dim},
            {"dtype", s.dtypes.fixed8() ? s.dtypes.name() : dtype_name(s.dtypes.q)},
            {"kv_dtype", s.dtypes.fixed8() ? s.dtypes.name() : s.dtypes.kv_name()},
            {"kernel", e.kernel},
            {"tier", e.tier}};
}

// "route_min_ms" and so on.
Json times_json(const std::string &prefix, const Samples &samples) {
    Json json;
    json[prefix + "min_ms"] = samples.percentile(0);
    for (const int percent : {50, 95, 99})
        json[prefix + "p" + std::to_string(percent) + "_ms"] = samples.percentile(percent);
    return json;
}

Json speed_json(const BenchEntry &e) {
    const bool peak = e.peak_gflops > 0;
    Json json = times_json("", e.samples);
    json.update({{"attended_pairs", e.attended_pairs / e.size.units()},
                 {"total_pairs", e.attended_pairs},
                 {"gflops", e.gflops()},
                 {"peak_gflops", peak ? Json(e.peak_gflops) : Json()},
                 {"ratio", peak ? Json(e.ratio()) : Json()},
                 {"dense_min_ms", e.dense ? Json(e.dense->percentile(0)) : Json()},
                 {"speedup", e.dense ? Json(e.speedup()) : Json()},
                 {"workspace_bytes", e.workspace_bytes},
                 {"plan_us", e.plan_microseconds}});
    return json;
}

Json route_json(const BenchRoute &route) {
    Json json = {{"route", route_name(route.method)}};
    json.update(times_json("route_", route.samples));
    json["route_share"] = route.share ? Json(*route.share) : Json();
    return json;
}

Json decode_json(const BenchEntry &e) {
    if (!e.decode) return {};
    const BenchDecode &d = *e.decode;
    return {{"layers", d.layers},
            {"tokens_per_second", e.tokens_per_second()},
            {"gbps", e.gbps()},
            {"peak_gbps", d.peak_gbps > 0 ? Json(d.peak_gbps) : Json()},
            {"read_bytes", d.read_bytes},
            {"cache_bytes", d.cache_bytes},
            {"kept_keys", d.state.kept},
            {"slots", d.state.slots},
            {"padded_slots", d.state.padded_slots}};
}

Json overshoot_json(const BenchOvershoot &overshoot, const ProblemSize &size) {
    Json json = {{"overshoot", overshoot.candidates}};
    json.update(times_json("uncapped_", overshoot.uncapped));
    json["uncapped_pairs"] = overshoot.uncapped_pairs / size.units();
    json["select_us"] = 1e3 * overshoot.select.percentile(0);
    return json;
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
    json["round_min_ms"] = e.samples.round_minima();
    if (e.lists) json.update(lists_json(*e.lists, e.size));
    if (e.crossover > 0) json["crossover"] = e.crossover;
    if (e.route) json.update(route_json(*e.route));
    if (e.decode) json.update(decode_json(e));
    if (e.counts) json.update(counts_json("", *e.counts));
    if (e.dense_counts) json.update(counts_json("dense_", *e.dense_counts));
    if (e.overshoot) json.update(overshoot_json(*e.overshoot, e.size));
    return json;
}

}  // namespace

double BenchEntry::speedup() const {
    return dense ? dense->percentile(0) / samples.percentile(0) : 0;
}

double BenchEntry::gflops() const {
    const double per_pair = 2.0 * size.head_dim + 2.0 * size.value_dim;
    return per_pair * static_cast<double>(attended_pairs) / samples.percentile(0) / 1e6;
}

double BenchEntry::tokens_per_second() const {
    if (!decode) return 0;
    const double tokens = static_cast<double>(size.batch) * size.q_tokens;
    return 1e3 * tokens / (samples.percentile(0) * decode->layers);
}
double BenchEntry::gbps() const {
    return decode ? static_cast<double>(decode->read_bytes) / samples.percentile(0) / 1e6 : 0;
}

double BenchEntry::ratio() const {
    const double arithmetic = gflops() / peak_gflops;
    return decode ? std::max(arithmetic, gbps() / decode->peak_gbps) : arithmetic;
}

nlohmann::ordered_json google_benchmark_json(const std::vector<BenchEntry> &entries) {
    Json rows = Json::array();
    for (const BenchEntry &entry : entries) rows.push_back(entry_json(entry));
    return {{"context", context()}, {"benchmarks", rows}};
}

}  // namespace lacuna
