#include "cli/runner.h"

#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "cli/errors.h"
#include "cli/process.h"

namespace lacuna {

namespace fs = std::filesystem;

Runner::Runner(const std::string &text) {
    std::istringstream stream(text);
    for (std::string word; stream >> word;) words_.push_back(word);
    const std::string program = fs::path(words_.at(0)).filename().string();
    adb_ = program == "adb";
    ssh_ = program == "ssh";
    qemu_ = program.rfind("qemu-", 0) == 0;
    if (adb_ && words_.back() == "shell") words_.pop_back();
    folder_ =
        std::string(adb_ ? "/data/local/tmp" : "/tmp") + "/lacuna." + std::to_string(getpid());
}

// Distributions choose whether their QEMU takes plugins, and its help says so.
bool Runner::takes_plugins() const {
    return qemu_ && std::find(words_.begin(), words_.end(), "-plugin") == words_.end() &&
           run_process({words_[0], "-h"}).output.find("-plugin") != std::string::npos;
}

// "max,sve=off" is max.
std::string Runner::cpu() const {
    const auto option = std::find(words_.begin(), words_.end(), "-cpu");
    if (!qemu_ || words_.end() - option < 2) return "";
    return option[1].substr(0, option[1].find(','));
}

void Runner::clean() const {
    if (adb_ || ssh_) run_process(there("rm -rf " + folder_));
}

std::string Runner::run(const fs::path &folder, const std::string &program,
                        const fs::path &plugin) const {
    if (!adb_ && !ssh_) {
        std::vector<std::string> command = words_;
        if (!plugin.empty()) command.insert(command.begin() + 1, {"-plugin", plugin.string()});
        for (const std::string &name : {program, std::string("in"), std::string("out")})
            command.push_back((folder / name).string());
        return checked(command);
    }
    on_there("mkdir -p " + folder_);
    const std::string there_program = folder_ + "/" + program;
    send(folder / program, there_program);
    send(folder / "in", folder_ + "/in");
    std::string output;
    try {
        output = on_there("chmod 755 " + there_program + " && " + there_program + " " + folder_ +
                          "/in " + folder_ + "/out");
        fetch(folder_ + "/out", folder / "out");
    } catch (const Failure &) {
        run_process(there("rm -r " + folder_));
        throw;
    }
    on_there("rm -r " + folder_);
    return output;
}

std::vector<std::string> Runner::there(const std::string &command) const {
    if (adb_) return adb({"shell", command});
    std::vector<std::string> all = words_;
    all.push_back(command);
    return all;
}

// adb has verbs for files; over ssh they go through its standard streams.
std::vector<std::string> Runner::adb(std::initializer_list<std::string> verb) const {
    std::vector<std::string> all = words_;
    all.insert(all.end(), verb);
    return all;
}
std::vector<std::string> Runner::piped(const std::string &script, const fs::path &file,
                                       const std::string &command) const {
    std::vector<std::string> all{"sh", "-c", script, file.string()};
    for (const std::string &word : there(command)) all.push_back(word);
    return all;
}
void Runner::send(const fs::path &file, const std::string &to) const {
    adb_ ? checked(adb({"push", file.string(), to}))
         : checked(piped(R"(exec "$@" <"$0")", file, "cat >" + to));
}
void Runner::fetch(const std::string &from, const fs::path &file) const {
    adb_ ? checked(adb({"pull", from, file.string()}))
         : checked(piped(R"(exec "$@" >"$0")", file, "cat " + from));
}

std::string Runner::checked(const std::vector<std::string> &command) const {
    const Finished finished = run_process(command);
    if (finished.exit_code == 127)
        throw bad_input("--runner: found no " + words_[0] + ": " + finished.output);
    if (finished.exit_code != 0)
        throw bad_input("--runner " + words_[0] + " ended with exit code " +
                        std::to_string(finished.exit_code) + ": " + finished.output);
    return finished.output;
}

}  // namespace lacuna
