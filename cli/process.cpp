#include "cli/process.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <thread>

#include "cli/errors.h"

namespace lacuna {

namespace {

struct Child {
    pid_t pid;
    int pipe;
    std::string name, output;
};

// Forks; in the child stdout and stderr go to the pipe, and `run` decides the exit code.
Child spawn(const std::string &name, const std::function<int()> &run) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw bad_input(std::string("pipe: ") + strerror(errno));
    fflush(nullptr);
    const pid_t pid = fork();
    if (pid < 0) throw bad_input(std::string("fork: ") + strerror(errno));
    if (pid == 0) {
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
