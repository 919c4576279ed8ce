#include "cli/remote_driver.h"

#include <cmath>
#include <cstring>
#include <sstream>

#include "cli/driver/problem.h"
#include "cli/embedded.h"
#include "cli/errors.h"
#include "cli/files.h"
#include "cli/pattern_option.h"
#include "cli/toolchain.h"
#include "patterns/pattern.h"

namespace lacuna {

namespace fs = std::filesystem;

namespace {

size_t up_to_alignment(size_t bytes) {
    return (bytes + LAC_DRIVER_ALIGNMENT - 1) / LAC_DRIVER_ALIGNMENT * LAC_DRIVER_ALIGNMENT;
}

Remote checked(const Remote &remote) {
    if (remote.target.empty()) throw usage("--runner: expected --target as well");
    if (remote.runner.find_first_not_of(' ') == std::string::npos)
        throw usage("--target " + remote.target +
                    ": expected --runner as well, such as 'qemu-aarch64 -cpu cortex-a53'");
    return remote;
}

// Tables of one bundle's functions, which share those that know no Tile. Written as link_program()
// reads a bundle.
void write_library(const BundleRequest &request, const ChooseTiles *rival, const fs::path &folder) {
    std::vector<BundleRequest> requests{request};
    if (rival) {
        requests.push_back(request);
        requests[1].tiles = *rival;
    }
    std::map<std::string, fs::path> objects = runtime_objects(request.platform);
    for (BundleRequest &r : requests) {
        const BundleFunctions functions = functions_of(r);
        for (const auto &[symbol, object] :
             compile_functions(r.platform, unique_functions(functions), [](const auto &) {}))
            objects[symbol] = object;
        if (&r != requests.data()) r.name += "_rival";
        objects[r.name + "_table"] = table_object(r, functions);
        write_headers(r, folder);
    }
    std::vector<fs::path> members;
    for (const auto &[name, object] : objects) members.push_back(object);
    fs::create_directories(folder / "lib");
    write_archive(request.platform, folder / "lib" / library_file(request), members);
}

lac_driver_problem head_of(const RemoteProblem &p) {
    const ProblemSize &s = p.size;
    lac_driver_problem head{};
    std::memcpy(head.magic, LAC_DRIVER_MAGIC, sizeof head.magic);
    head.type = s.dtypes.q, head.key_type = s.dtypes.k, head.value_type = s.dtypes.v;
    head.arithmetic = s.dtypes.arithmetic;
    head.batch = s.batch, head.heads = s.heads, head.kv_heads = s.kv_heads;
    head.q_tokens = s.q_tokens, head.k_tokens = s.k_tokens;
    head.head_dim = s.head_dim, head.value_dim = s.value_dim;
    head.q_start = s.q_start;
    head.steps = p.through.path, head.chunk = p.through.chunk;
    head.threads = p.threads;
    head.rival = p.rival;
    head.rounds = p.rounds;
    if (p.rounds > 0)
        head.round_microseconds = static_cast<int32_t>(1e6 * p.min_seconds / p.rounds);
    if (const lac_lists *l = p.lists) {
        head.lists = 1;
        head.global_count = l->global_count, head.global_starts = l->global_starts != nullptr;
        head.list_batch = l->batch, head.list_heads = l->heads, head.list_rows = l->rows;
        head.list_starts = l->starts != nullptr, head.queries = l->queries != nullptr;
        head.index_count = l->index_count;
    }
    head.scale = p.settings.scale, head.softcap = p.settings.softcap;
    for (const lac_pattern &pattern : p.patterns) {
        const std::string text = canonical(pattern);
        if (text.size() >= LAC_DRIVER_TEXT)
            throw usage("--pattern: " + std::to_string(text.size()) +
                        " characters, expected fewer than " + std::to_string(LAC_DRIVER_TEXT) +
                        " with --target");
        std::memcpy(head.pattern[head.patterns++], text.c_str(), text.size());
    }
    return head;
}

void write_problem(const RemoteProblem &p, const fs::path &path) {
    const lac_driver_problem head = head_of(p);
    std::string bytes(reinterpret_cast<const char *>(&head), sizeof head);
    const auto append = [&](const auto *first, int64_t count) {
        bytes.resize(up_to_alignment(bytes.size()));
        if (count > 0)
            bytes.append(reinterpret_cast<const char *>(first),
                         static_cast<size_t>(count) * sizeof *first);
    };
    for (const Stored *tensor : {&p.q, &p.k, &p.v})
        append(tensor->data(), static_cast<int64_t>(tensor->size()));
    if (const lac_lists *l = p.lists) {
        append(l->globals, l->global_count);
        if (l->global_starts) append(l->global_starts, int64_t{p.size.batch} + 1);
        if (l->starts) append(l->starts, int64_t{l->batch} * l->heads * l->rows + 1);
        append(l->indices, l->index_count);
        if (l->queries) append(l->queries, l->index_count);
    }
    bytes.resize(up_to_alignment(bytes.size()));
    write_file(path, bytes);
}

// Lines of others, such as an emulator's warnings, are left alone.
std::vector<RemoteCall> calls_in(const std::string &output) {
    std::vector<RemoteCall> calls;
    size_t last = 0;  // a pattern's samples of a round follow each other
    std::istringstream lines(output);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string word;
        words >> word;
        size_t index = 0;
        double ns = 0, cpu_ns = 0, plan_ns = 0, check_ns = 0;
        RemoteCall call{};
        if (word == "call" && words >> call.kernel >> call.tier >> call.attended_pairs >>
                                  call.crossover >> call.workspace_bytes >> plan_ns >>
                                  call.cache_bytes >> call.state.kept >> call.state.slots >>
                                  call.state.padded_slots >> check_ns) {
            call.plan_microseconds = plan_ns / 1e3;
            call.check_microseconds = check_ns / 1e3;
            calls.push_back(call);
        } else if (word == "sample" && words >> index >> ns >> cpu_ns && index < calls.size()) {
            if (index != last) calls[last].samples.end_round();
            last = index;
            calls[index].samples.add(ns / 1e6);
            calls[index].samples.add_cpu(cpu_ns / 1e6);
        }
    }
    if (last < calls.size()) calls[last].samples.end_round();
    return calls;
}

void read_result(const fs::path &path, const ProblemSize &s, RemoteResult &result) {
    const std::string bytes = read_file(path.string());
    result.out.resize(static_cast<size_t>(s.rows() * s.value_dim) * lac_type_bytes(s.dtypes.out()));
    result.log_sum_exp.resize(static_cast<size_t>(s.rows()));
    const size_t out = result.out.size();
    const size_t rest = result.log_sum_exp.size() * sizeof(float);
    if (bytes.size() != out + rest)
        throw bad_input("--runner: the result has " + std::to_string(bytes.size()) +
                        " bytes, expected " + std::to_string(out + rest));
    std::memcpy(result.out.data(), bytes.data(), out);
    std::memcpy(result.log_sum_exp.data(), bytes.data() + out, rest);
}

}  // namespace

RemoteDriver::RemoteDriver(const Remote &remote)
    : triple_(checked(remote).target), runner_(remote.runner), platform_(platform_of(triple_)) {}

// Windows runs nothing without the ending.
const char *RemoteDriver::program() const {
    return platform_.halide_os == Halide::Target::Windows ? "driver.exe" : "driver";
}

bool RemoteDriver::counts() const { return bare(platform_) || runner_.takes_plugins(); }

bool RemoteDriver::has_cycles() const {
    return counts() && platform_.halide_arch == Halide::Target::ARM && platform_.bits == 64;
}

void RemoteDriver::check(const RemoteProblem &p) const {
    if (bare(platform_) && p.threads > 1)
        throw usage("--threads " + std::to_string(p.threads) + ": expected 1 with --target " +
                    triple_ + ", which has no threads");
}

void RemoteDriver::build(const BundleRequest &request, const ChooseTiles *rival,
                         const fs::path &folder) const {
    write_library(request, rival, folder / "bundle");
    for (const EmbeddedFile &file : embedded_files()) {
        const fs::path path(file.path);
        if (path.parent_path() == "cli/driver")
            write_file(folder / "source" / path.filename(), file.text);
    }
    link_program(platform_, triple_, folder / "source", folder / "bundle", folder / program(),
                 rival ? "-DLAC_DRIVER_RIVAL" : "");
}

// The driver marks one call of each pattern, in their order.
void RemoteDriver::take_counts(const std::string &output, std::vector<RemoteCall> &calls) const {
    const std::vector<CallCounts> counts = counts_of(
        counted_calls(output), bare(platform_) ? "packets" : "instructions", has_cycles());
    if (counts.size() != calls.size())
        throw bad_input("--runner: the plugin counted " + std::to_string(counts.size()) +
                        " calls, expected " + std::to_string(calls.size()));
    for (size_t i = 0; i < calls.size(); i++) calls[i].counts = counts[i];
}

RemoteResult RemoteDriver::attend(const RemoteProblem &problem, const fs::path &folder) const {
    write_problem(problem, folder / "in");
    const bool plugin =
        !bare(platform_) && (problem.rounds > 0 || problem.counted) && runner_.takes_plugins();
    const fs::path library = folder / "count_plugin.so";
    if (plugin) link_plugin(folder / "source" / "count_plugin.c", library);
    const std::string output = runner_.run(folder, program(), plugin ? library : fs::path());
    RemoteResult result;
    result.calls = calls_in(output);
    const bool timed =
        bare(platform_) || (!result.calls.empty() && result.calls[0].samples.count());
    if (result.calls.size() != problem.patterns.size() || !timed)
        throw bad_input("--runner: the driver printed no times: " + output);
    if (bare(platform_))
        for (RemoteCall &call : result.calls)
            call.plan_microseconds = call.check_microseconds = std::nan("");
    if (plugin || bare(platform_)) take_counts(output, result.calls);
    read_result(folder / "out", problem.size, result);
    return result;
}

}  // namespace lacuna
