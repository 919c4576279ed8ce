#include "cli/remote.h"

#include <cstring>
#include <fstream>
#include <sstream>

#include "cli/bundle.h"
#include "cli/embedded.h"
#include "cli/errors.h"
#include "cli/files.h"
#include "cli/pattern_option.h"
#include "cli/runner.h"
#include "cli/scratch.h"
#include "cli/toolchain.h"
#include "patterns/pattern.h"

namespace lacuna {

namespace fs = std::filesystem;

namespace {

// Windows runs nothing without the ending.
const char *driver_name(const Platform &platform) {
    return platform.halide_os == Halide::Target::Windows ? "driver.exe" : "driver";
}

void build_driver(const Platform &platform, const std::string &triple, const RemoteProblem &p,
                  const Scratch &scratch) {
    BundleRequest request{"lac", platform, default_tiers(platform), {}};
    for (const lac_pattern &pattern : p.patterns) {
        const auto compiled = p.test == KeepTest::kCompiled ? std::optional(pattern) : std::nullopt;
        add_kernel(request.kernels,
                   make_kernel({}, p.size.head_dim, p.size.value_dim, compiled, "head size"));
    }
    write_bundle(request, scratch.at("bundle").string(), {[](size_t, size_t, const auto &) {}});
    write_file(scratch.at("driver.c"), embedded_file("cli/driver/driver.c"));
    link_program(platform, triple, scratch.at("driver.c"), scratch.at("bundle"),
                 scratch.at(driver_name(platform)));
}

void write_problem(const RemoteProblem &p, const fs::path &path) {
    const ProblemSize &s = p.size;
    std::ostringstream head;
    head.precision(9);
    head << "lacuna-driver 1";
    for (const int32_t n : {s.batch, s.heads, s.kv_heads, s.q_tokens, s.k_tokens, s.head_dim,
                            s.value_dim, s.q_start, p.threads})
        head << ' ' << n;
    head << ' ' << p.settings.scale << ' ' << p.settings.softcap << ' ' << p.rounds << ' '
         << (p.rounds ? 1e3 * p.min_seconds / p.rounds : 0) << ' ' << p.patterns.size();
    for (const lac_pattern &pattern : p.patterns) head << ' ' << canonical(pattern);
    std::string bytes = head.str() + "\n";
    const auto add = [&](const float *data, int64_t count) {
        bytes.append(reinterpret_cast<const char *>(data),
                     static_cast<size_t>(count) * sizeof(float));
    };
    add(p.q, s.rows() * s.head_dim);
    add(p.k, s.kv_rows() * s.head_dim);
    add(p.v, s.kv_rows() * s.value_dim);
    write_file(path, bytes);
}

void add_counting(Runner &runner, const Scratch &scratch) {
    const fs::path source = scratch.at("count_plugin.c"), plugin = scratch.at("count_plugin.so");
    write_file(source, embedded_file("cli/driver/count_plugin.c"));
    link_plugin(source, plugin);
    runner.use_plugin(plugin);
}

// The driver marks one call of each pattern, in their order.
void take_counts(const Platform &platform, const std::string &output,
                 std::vector<RemoteCall> &calls) {
    const bool modelled = platform.halide_arch == Halide::Target::ARM && platform.bits == 64;
    const std::vector<CallCounts> counts = counts_of(counted_calls(output), modelled);
    if (counts.size() != calls.size())
        throw bad_input("--runner: the plugin counted " + std::to_string(counts.size()) +
                        " calls, expected " + std::to_string(calls.size()));
    for (size_t i = 0; i < calls.size(); i++) calls[i].counts = counts[i];
}

// Lines of others, such as an emulator's warnings, are left alone.
std::vector<RemoteCall> calls_in(const std::string &output) {
    std::vector<RemoteCall> calls;
    std::istringstream lines(output);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string word;
        words >> word;
        size_t index = 0;
        double ms = 0, cpu_ms = 0;
        RemoteCall call{};
        if (word == "call" && words >> call.kernel >> call.tier >> call.attended_pairs >>
                                  call.crossover >> call.workspace_bytes >>
                                  call.plan_microseconds) {
            calls.push_back(call);
        } else if (word == "sample" && words >> index >> ms >> cpu_ms && index < calls.size()) {
            calls[index].samples.add(ms);
            calls[index].samples.add_cpu(cpu_ms);
        }
    }
    return calls;
}

void read_result(const fs::path &path, const ProblemSize &s, RemoteResult &result) {
    const std::string bytes = read_file(path.string());
    result.out.resize(static_cast<size_t>(s.rows() * s.value_dim));
    result.log_sum_exp.resize(static_cast<size_t>(s.rows()));
    const size_t out = result.out.size() * sizeof(float);
    const size_t rest = result.log_sum_exp.size() * sizeof(float);
    if (bytes.size() != out + rest)
        throw bad_input("--runner: the result has " + std::to_string(bytes.size()) +
                        " bytes, expected " + std::to_string(out + rest));
    std::memcpy(result.out.data(), bytes.data(), out);
    std::memcpy(result.log_sum_exp.data(), bytes.data() + out, rest);
}

}  // namespace

void add_remote_options(CLI::App &command, Remote &remote) {
    command.add_option("--target", remote.target, "triple of another machine; needs --runner");
    command.add_option("--runner", remote.runner,
                       "what runs its programs: 'qemu-aarch64 -cpu cortex-a53', 'adb shell', "
                       "'ssh board'");
}

RemoteResult attend_remotely(const Remote &remote, const RemoteProblem &problem) {
    if (remote.target.empty()) throw usage("--runner: expected --target as well");
    if (remote.runner.find_first_not_of(' ') == std::string::npos)
        throw usage("--target " + remote.target +
                    ": expected --runner as well, such as 'qemu-aarch64 -cpu cortex-a53'");
    Runner runner(remote.runner);
    if (const std::string types = problem.size.dtypes.name(); types != "f32")
        throw usage("--target: " + types + ": the driver takes f32 tensors alone");
    for (const lac_pattern &pattern : problem.patterns)
        if (reads_lists(pattern))
            throw usage("--target: " + canonical(pattern) +
                        " reads lists, which the driver does not take");
    const Platform &platform = platform_of(remote.target);
    const Scratch scratch("remote");
    build_driver(platform, remote.target, problem, scratch);
    write_problem(problem, scratch.at("in"));
    const bool counts = problem.rounds > 0 && runner.takes_plugins();
    if (counts) add_counting(runner, scratch);
    const std::string output = runner.run(scratch, driver_name(platform));
    RemoteResult result;
    result.calls = calls_in(output);
    if (result.calls.size() != problem.patterns.size() || result.calls[0].samples.count() == 0)
        throw bad_input("--runner: the driver printed no times: " + output);
    if (counts) take_counts(platform, output, result.calls);
    read_result(scratch.at("out"), problem.size, result);
    return result;
}

}  // namespace lacuna
