#include "cli/remote.h"

#include <unistd.h>

#include <cstring>
#include <fstream>
#include <sstream>

#include "cli/bundle.h"
#include "cli/cache.h"
#include "cli/embedded.h"
#include "cli/errors.h"
#include "cli/files.h"
#include "cli/pattern_option.h"
#include "cli/process.h"
#include "cli/toolchain.h"
#include "patterns/pattern.h"

namespace lacuna {

namespace fs = std::filesystem;

namespace {

// A folder for bundle, driver and data, gone when the command ends.
class Scratch {
public:
    Scratch() : path_(cache_directory() / ("remote." + std::to_string(getpid()))) {
        fs::create_directories(path_);
    }
    ~Scratch() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    Scratch(const Scratch &) = delete;
    Scratch &operator=(const Scratch &) = delete;
    fs::path at(const char *name) const { return path_ / name; }

private:
    fs::path path_;
};

std::vector<std::string> words_of(const std::string &text) {
    std::istringstream stream(text);
    std::vector<std::string> words;
    for (std::string word; stream >> word;) words.push_back(word);
    return words;
}

// How files get to where the runner runs and back. The runner's own words decide.
class Runner {
public:
    explicit Runner(const std::string &text) : words_(words_of(text)) {
        const std::string program = fs::path(words_.at(0)).filename().string();
        adb_ = program == "adb";
        ssh_ = program == "ssh";
        if (adb_ && words_.back() == "shell") words_.pop_back();
        folder_ =
            std::string(adb_ ? "/data/local/tmp" : "/tmp") + "/lacuna." + std::to_string(getpid());
    }

    std::string run(const Scratch &scratch) const {
        const char *const sent[] = {"driver", "in"};
        if (!adb_ && !ssh_) {
            std::vector<std::string> command = words_;
            for (const char *name : {"driver", "in", "out"})
                command.push_back(scratch.at(name).string());
            return checked(command);
        }
        on_there("mkdir -p " + folder_);
        for (const char *name : sent) send(scratch.at(name), folder_ + "/" + name);
        std::string output;
        try {
            output = on_there("chmod 755 " + folder_ + "/driver && " + folder_ + "/driver " +
                              folder_ + "/in " + folder_ + "/out");
            fetch(folder_ + "/out", scratch.at("out"));
        } catch (const Failure &) {
            run_process(there("rm -r " + folder_));
            throw;
        }
        on_there("rm -r " + folder_);
        return output;
    }

private:
    std::vector<std::string> there(const std::string &command) const {
        if (adb_) return adb({"shell", command});
        std::vector<std::string> all = words_;
        all.push_back(command);
        return all;
    }
    std::string on_there(const std::string &command) const { return checked(there(command)); }

    // adb has verbs for files; over ssh they go through its standard streams.
    std::vector<std::string> adb(std::initializer_list<std::string> verb) const {
        std::vector<std::string> all = words_;
        all.insert(all.end(), verb);
        return all;
    }
    std::vector<std::string> piped(const std::string &script, const fs::path &file,
                                   const std::string &command) const {
        std::vector<std::string> all{"sh", "-c", script, file.string()};
        for (const std::string &word : there(command)) all.push_back(word);
        return all;
    }
    void send(const fs::path &file, const std::string &to) const {
        adb_ ? checked(adb({"push", file.string(), to}))
             : checked(piped(R"(exec "$@" <"$0")", file, "cat >" + to));
    }
    void fetch(const std::string &from, const fs::path &file) const {
        adb_ ? checked(adb({"pull", from, file.string()}))
             : checked(piped(R"(exec "$@" >"$0")", file, "cat " + from));
    }

    std::string checked(const std::vector<std::string> &command) const {
        const Finished finished = run_process(command);
        if (finished.exit_code == 127)
            throw bad_input("--runner: found no " + words_[0] + ": " + finished.output);
        if (finished.exit_code != 0)
            throw bad_input("--runner " + words_[0] + " ended with exit code " +
                            std::to_string(finished.exit_code) + ": " + finished.output);
        return finished.output;
    }

    std::vector<std::string> words_;
    bool adb_ = false, ssh_ = false;
    std::string folder_;
};

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
                 scratch.at("driver"));
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
    if (words_of(remote.runner).empty())
        throw usage("--target " + remote.target +
                    ": expected --runner as well, such as 'qemu-aarch64 -cpu cortex-a53'");
    if (const std::string types = problem.size.dtypes.name(); types != "f32")
        throw usage("--target: " + types + ": the driver takes f32 tensors alone");
    for (const lac_pattern &pattern : problem.patterns)
        if (reads_lists(pattern))
            throw usage("--target: " + canonical(pattern) +
                        " reads lists, which the driver does not take");
    const Platform &platform = platform_of(remote.target);
    const Runner runner(remote.runner);
    const Scratch scratch;
    build_driver(platform, remote.target, problem, scratch);
    write_problem(problem, scratch.at("in"));
    const std::string output = runner.run(scratch);
    RemoteResult result;
    result.calls = calls_in(output);
    if (result.calls.size() != problem.patterns.size() || result.calls[0].samples.count() == 0)
        throw bad_input("--runner: the driver printed no times: " + output);
    read_result(scratch.at("out"), problem.size, result);
    return result;
}

}  // namespace lacuna
