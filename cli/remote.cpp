#include "cli/remote.h"

#include <cmath>
#include <cstring>
#include <fstream>
#include <sstream>

#include "cli/bundle.h"
#include "cli/driver/problem.h"
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

size_t up_to_alignment(size_t bytes) {
    return (bytes + LAC_DRIVER_ALIGNMENT - 1) / LAC_DRIVER_ALIGNMENT * LAC_DRIVER_ALIGNMENT;
}

// Windows runs nothing without the ending.
const char *driver_name(const Platform &platform) {
    return platform.halide_os == Halide::Target::Windows ? "driver.exe" : "driver";
}

void build_driver(const Platform &platform, const std::string &triple, const RemoteProblem &p,
                  const Scratch &scratch) {
    BundleRequest request{"lac", platform, default_tiers(platform), {}};
    for (const lac_pattern &pattern : p.patterns) {
        const auto compiled = p.test == KeepTest::kCompiled ? std::optional(pattern) : std::nullopt;
        add_kernel(request.kernels, make_kernel(p.size.dtypes, p.size.head_dim, p.size.value_dim,
                                                compiled, "head size"));
    }
    write_bundle(request, scratch.at("bundle").string(), {[](size_t, size_t, const auto &) {}});
    for (const EmbeddedFile &file : embedded_files()) {
        const fs::path path(file.path);
        if (path.parent_path() == "cli/driver")
            write_file(scratch.at("source") / path.filename(), file.text);
    }
    link_program(platform, triple, scratch.at("source"), scratch.at("bundle"),
                 scratch.at(driver_name(platform)));
}

lac_driver_problem head_of(const RemoteProblem &p) {
    const ProblemSize &s = p.size;
    lac_driver_problem head{};
    std::memcpy(head.magic, LAC_DRIVER_MAGIC, sizeof head.magic);
    head.type = s.dtypes.q;
    head.batch = s.batch, head.heads = s.heads, head.kv_heads = s.kv_heads;
    head.q_tokens = s.q_tokens, head.k_tokens = s.k_tokens;
    head.head_dim = s.head_dim, head.value_dim = s.value_dim;
    head.q_start = s.q_start;
    head.threads = p.threads;
    head.rounds = p.rounds;
    if (p.rounds > 0)
        head.round_microseconds = static_cast<int32_t>(1e6 * p.min_seconds / p.rounds);
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
    for (const Stored *tensor : {&p.q, &p.k, &p.v}) {
        bytes.resize(up_to_alignment(bytes.size()));
        bytes.append(tensor->begin(), tensor->end());
    }
    bytes.resize(up_to_alignment(bytes.size()));
    write_file(path, bytes);
}

void add_counting(Runner &runner, const Scratch &scratch) {
    const fs::path plugin = scratch.at("count_plugin.so");
    link_plugin(scratch.at("source") / "count_plugin.c", plugin);
    runner.use_plugin(plugin);
}

// The driver marks one call of each pattern, in their order.
void take_counts(const Platform &platform, const std::string &output,
                 std::vector<RemoteCall> &calls) {
    const bool modelled = platform.halide_arch == Halide::Target::ARM && platform.bits == 64;
    const std::vector<CallCounts> counts =
        counts_of(counted_calls(output), bare(platform) ? "packets" : "instructions", modelled);
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
        double ns = 0, cpu_ns = 0, plan_ns = 0;
        RemoteCall call{};
        if (word == "call" && words >> call.kernel >> call.tier >> call.attended_pairs >>
                                  call.crossover >> call.workspace_bytes >> plan_ns) {
            call.plan_microseconds = plan_ns / 1e3;
            calls.push_back(call);
        } else if (word == "sample" && words >> index >> ns >> cpu_ns && index < calls.size()) {
            calls[index].samples.add(ns / 1e6);
            calls[index].samples.add_cpu(cpu_ns / 1e6);
        }
    }
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
    if (const std::string types = problem.size.dtypes.name(); types != "f32" && types != "fixed8")
        throw usage("--target: " + types + ": the driver takes f32 or fixed8 tensors");
    for (const lac_pattern &pattern : problem.patterns)
        if (reads_lists(pattern))
            throw usage("--target: " + canonical(pattern) +
                        " reads lists, which the driver does not take");
    const Platform &platform = platform_of(remote.target);
    if (bare(platform) && problem.threads > 1)
        throw usage("--threads " + std::to_string(problem.threads) + ": expected 1 with --target " +
                    remote.target + ", which has no threads");
    const Scratch scratch("remote");
    build_driver(platform, remote.target, problem, scratch);
    write_problem(problem, scratch.at("in"));
    const bool plugin = !bare(platform) && problem.rounds > 0 && runner.takes_plugins();
    if (plugin) add_counting(runner, scratch);
    const std::string output = runner.run(scratch, driver_name(platform));
    RemoteResult result;
    result.calls = calls_in(output);
    const bool timed = bare(platform) || (!result.calls.empty() && result.calls[0].samples.count());
    if (result.calls.size() != problem.patterns.size() || !timed)
        throw bad_input("--runner: the driver printed no times: " + output);
    if (bare(platform))
        for (RemoteCall &call : result.calls) call.plan_microseconds = std::nan("");
    if (plugin || bare(platform)) take_counts(platform, output, result.calls);
    read_result(scratch.at("out"), problem.size, result);
    return result;
}

}  // namespace lacuna
