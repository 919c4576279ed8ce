// Child processes. They die with this one.
#pragma once
#include <functional>
#include <string>
#include <vector>

namespace lacuna {

struct Finished {
    int exit_code;       // 128 + signal when it was killed
    std::string output;  // stdout and stderr together
};

// Runs a program with these arguments; a missing program ends with exit code 127.
Finished run_process(const std::vector<std::string> &command);

// Runs the tasks in forked children, `parallel` at a time. A child that throws, exits non-zero or
// dies fails the whole: the others are ended and a Failure carries the first one's output.
// `done` is called in this process as tasks finish.
struct ForkedTask {
    std::string name;
    std::function<void()> run;
};
void run_forked(const std::vector<ForkedTask> &tasks, int parallel,
                const std::function<void(const std::string &name)> &done);

// The same for tasks that may fail: each ends for itself, at the latest by its limits. Returns how,
// in the tasks' order. When `stop` says so all are ended at once.
struct Limits {
    double seconds;  // of wall-clock time
    size_t bytes;    // of address space
};
constexpr int kTimedOut = 124, kStopped = 130;  // exit codes
std::vector<Finished> run_each(const std::vector<ForkedTask> &tasks, int parallel,
                               const Limits &limits, const std::function<bool()> &stop);

int processors();
std::string cpuinfo(const std::string &key);  // of the first processor, or ""

// SHA-256 of bytes, in hexadecimal.
std::string sha256(const std::string &bytes);

}  // namespace lacuna
