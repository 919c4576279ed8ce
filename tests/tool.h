// Runs the built tool as a user would, in a folder of its own.
#pragma once
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "cli/npy.h"
#include "tests/folder.h"

namespace lacuna {

struct Ended {
    int code;
    std::string out, err;
};

class Tool : public Folder {
protected:
    void SetUp() override {
        Folder::SetUp();
        logs = folder.string() + ".logs";
        std::filesystem::create_directory(logs);
    }
    void TearDown() override {
        Folder::TearDown();
        std::filesystem::remove_all(logs);
    }

    void put(const std::string &name, const std::string &bytes) const {
        std::ofstream(at(name), std::ios::binary) << bytes;
    }

    // Random numbers, the same for the same shape.
    Array put_tensor(const std::string &name, const std::vector<int64_t> &shape) const {
        size_t count = 1;
        for (const int64_t extent : shape) count *= static_cast<size_t>(extent);
        Array array{shape, std::vector<float>(count)};
        std::mt19937 generator(static_cast<unsigned>(name.size() + count));
        std::normal_distribution<float> normal;
        for (float &x : array.data) x = normal(generator);
        put(name, npy_bytes(array));
        return array;
    }

    // "run --q q.npy" in the folder; tier is LACUNA_TIER.
    Ended call(const std::string &arguments, const std::string &tier = "",
               const std::string &standard_output = "") const {
        const std::string out = standard_output.empty() ? (logs / "out").string() : standard_output;
        const pid_t child = ::fork();
        if (child == 0) become(arguments, tier, out);
        int status = 0;
        ::waitpid(child, &status, 0);
        const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        return {code, standard_output.empty() ? text_of(out) : "", text_of(logs / "err")};
    }

    std::filesystem::path logs;

private:
    static std::string text_of(const std::filesystem::path &path) {
        std::ifstream file(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }

    static void redirect(int descriptor, const std::string &path) {
        const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
        if (file < 0 || ::dup2(file, descriptor) < 0) ::_exit(126);
    }

    [[noreturn]] void become(const std::string &arguments, const std::string &tier,
                             const std::string &out) const {
        std::vector<std::string> words{LACUNA_TOOL};
        std::istringstream stream(arguments);
        for (std::string word; stream >> word;) words.push_back(word);
        std::vector<char *> argv;
        for (std::string &word : words) argv.push_back(word.data());
        argv.push_back(nullptr);
        redirect(STDOUT_FILENO, out);
        redirect(STDERR_FILENO, logs / "err");
        tier.empty() ? ::unsetenv("LACUNA_TIER") : ::setenv("LACUNA_TIER", tier.c_str(), 1);
        if (::chdir(folder.c_str()) == 0) ::execv(argv[0], argv.data());
        ::_exit(127);
    }
};

}  // namespace lacuna
