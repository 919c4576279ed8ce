// What runs programs of another machine: a command of the user's, an emulator or a way to a board.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace lacuna {

// How files get to where the runner runs and back. The runner's own words decide.
class Runner {
public:
    explicit Runner(const std::string &text);  // one word or more

    // Whether it is an emulator of QEMU's that counts by a plugin (cli/driver/count_plugin.c).
    bool takes_plugins() const;
    // The CPU that an emulator of QEMU's is told to be; empty where the words do not say.
    std::string cpu() const;
    const std::string &name() const { return words_[0]; }

    // Runs a program of the folder with the names of `in` and `out`, the first of which is there
    // and the second one is wanted; under the emulator's plugin where one is named. Returns what it
    // printed; throws a Failure if it fails.
    std::string run(const std::filesystem::path &folder, const std::string &program,
                    const std::filesystem::path &plugin) const;
    // Takes away what a run that was killed has left on the other machine.
    void clean() const;

private:
    std::vector<std::string> there(const std::string &command) const;
    std::string on_there(const std::string &command) const { return checked(there(command)); }
    std::vector<std::string> adb(std::initializer_list<std::string> verb) const;
    std::vector<std::string> piped(const std::string &script, const std::filesystem::path &file,
                                   const std::string &command) const;
    void send(const std::filesystem::path &file, const std::string &to) const;
    void fetch(const std::string &from, const std::filesystem::path &file) const;
    std::string checked(const std::vector<std::string> &command) const;

    std::vector<std::string> words_;
    bool adb_ = false, ssh_ = false, qemu_ = false;
    std::string folder_;
};

}  // namespace lacuna
