#include "cli/process.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <thread>

#include "cli/errors.h"

namespace lacuna {

namespace {

struct Child {
    pid_t pid;
    int pipe;
    std::string name, output;
};

// Forks; the child dies with this process. In the child stdout and stderr go to the pipe, and `run`
// decides the exit code.
Child spawn(const std::string &name, const std::function<int()> &run) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw bad_input(std::string("pipe: ") + strerror(errno));
    fflush(nullptr);
    const pid_t parent = getpid(), pid = fork();
    if (pid < 0) throw bad_input(std::string("fork: ") + strerror(errno));
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(kStopped);  // died before the line above
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        const int code = run();
        fflush(nullptr);
        _exit(code);
    }
    close(ends[1]);
    return {pid, ends[0], name, ""};
}

// False at the end of the pipe.
bool read_some(Child &child) {
    char bytes[4096];
    const ssize_t n = read(child.pipe, bytes, sizeof bytes);
    if (n > 0) child.output.append(bytes, static_cast<size_t>(n));
    return n > 0 || (n < 0 && errno == EINTR);
}

int wait_for(Child &child) {
    close(child.pipe);
    int status = 0;
    while (waitpid(child.pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int run_guarded(const ForkedTask &task) {
    try {
        task.run();
        return 0;
    } catch (const Failure &failure) {
        fprintf(stderr, "%s", failure.what());
        return failure.exit_code;
    } catch (const std::exception &error) {
        fprintf(stderr, "%s", error.what());
        return kInternal;
    }
}

void end_all(std::vector<Child> &children) {
    for (Child &c : children) {
        kill(c.pid, SIGKILL);
        wait_for(c);
    }
    children.clear();
}

// Waits until some child has finished and removes it from the list.
Child next_finished(std::vector<Child> &children, int *exit_code) {
    for (;;) {
        std::vector<pollfd> polls;
        for (const Child &c : children) polls.push_back({c.pipe, POLLIN, 0});
        poll(polls.data(), polls.size(), -1);
        for (size_t i = 0; i < polls.size(); i++) {
            if (polls[i].revents == 0 || read_some(children[i])) continue;
            Child finished = children[i];
            children.erase(children.begin() + static_cast<long>(i));
            *exit_code = wait_for(finished);
            return finished;
        }
    }
}

}  // namespace

Finished run_process(const std::vector<std::string> &command) {
    Child child = spawn(command[0], [&] {
        std::vector<char *> argv;
        for (const std::string &word : command) argv.push_back(const_cast<char *>(word.c_str()));
        argv.push_back(nullptr);
        execvp(argv[0], argv.data());
        fprintf(stderr, "%s: %s", argv[0], strerror(errno));
        return 127;
    });
    while (read_some(child)) {
    }
    const int code = wait_for(child);
    return {code, child.output};
}

void run_forked(const std::vector<ForkedTask> &tasks, int parallel,
                const std::function<void(const std::string &name)> &done) {
    std::vector<Child> running;
    size_t next = 0;
    while (next < tasks.size() || !running.empty()) {
        while (next < tasks.size() && running.size() < static_cast<size_t>(parallel)) {
            const ForkedTask &task = tasks[next++];
            running.push_back(spawn(task.name, [&] { return run_guarded(task); }));
        }
        int code = 0;
        const Child child = next_finished(running, &code);
        if (code != 0) {
            end_all(running);
            const bool ours = code == kUsage || code == kBadInput || code == kUnsupportedTarget;
            throw Failure(ours ? code : kInternal, child.name + ": " + child.output);
        }
        done(child.name);
    }
}

namespace {

using Clock = std::chrono::steady_clock;

struct Limited {
    Child child;
    size_t place;
    Clock::time_point deadline;
};

int run_limited(const ForkedTask &task, const Limits &limits) {
    signal(SIGINT, SIG_IGN);  // of a terminal: the parent ends its children
#ifndef __SANITIZE_ADDRESS__  // which maps more than any limit
    const rlimit most{limits.bytes, limits.bytes};
    setrlimit(RLIMIT_AS, &most);
#else
    (void)limits;
#endif
    try {
        return run_guarded(task);
    } catch (...) {
        return kInternal;
    }
}

// Takes what a child says; true when it has ended or is ended by its limit.
bool advance(Limited &running, bool readable, Finished &finished) {
    if (readable && read_some(running.child)) return false;
    const bool late = !readable;
    if (late && Clock::now() < running.deadline) return false;
    if (late) kill(running.child.pid, SIGKILL);
    const int code = wait_for(running.child);
    finished = {late ? kTimedOut : code, running.child.output};
    return true;
}

void poll_all(std::vector<Limited> &running, std::vector<Finished> &finished) {
    constexpr int kTick = 100;  // ms
    std::vector<pollfd> polls;
    for (const Limited &l : running) polls.push_back({l.child.pipe, POLLIN, 0});
    poll(polls.data(), polls.size(), kTick);
    for (size_t i = polls.size(); i-- > 0;)
        if (advance(running[i], polls[i].revents != 0, finished[running[i].place]))
            running.erase(running.begin() + static_cast<long>(i));
}

}  // namespace

std::vector<Finished> run_each(const std::vector<ForkedTask> &tasks, int parallel,
                               const Limits &limits, const std::function<bool()> &stop) {
    std::vector<Finished> finished(tasks.size(), {kStopped, ""});
    std::vector<Limited> running;
    const auto allowed =
        std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(limits.seconds));
    size_t next = 0;
    while (!stop() && (next < tasks.size() || !running.empty())) {
        while (next < tasks.size() && running.size() < static_cast<size_t>(parallel)) {
            const ForkedTask &task = tasks[next];
            Child child = spawn(task.name, [&] { return run_limited(task, limits); });
            running.push_back({std::move(child), next++, Clock::now() + allowed});
        }
        poll_all(running, finished);
    }
    for (Limited &l : running) {
        kill(l.child.pid, SIGKILL);
        wait_for(l.child);
    }
    return finished;
}

std::string cpuinfo(const std::string &key) {
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);) {
        const size_t colon = line.find(": ");
        if (colon != std::string::npos && line.rfind(key, 0) == 0) return line.substr(colon + 2);
    }
    return "";
}

int processors() {
    const unsigned n = std::thread::hardware_concurrency();
    return n == 0 ? 1 : static_cast<int>(n);
}

std::string sha256(const std::string &bytes) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (!EVP_Digest(bytes.data(), bytes.size(), digest, &length, EVP_sha256(), nullptr))
        throw Failure(kInternal, "SHA-256 is not available");
    std::string text;
    char pair[3];
    for (unsigned i = 0; i < length; i++) {
        snprintf(pair, sizeof pair, "%02x", digest[i]);
        text += pair;
    }
    return text;
}

}  // namespace lacuna
