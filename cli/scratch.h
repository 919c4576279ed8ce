// A folder for files between programs, gone when the command ends.
#pragma once
#include <unistd.h>

#include <filesystem>
#include <string>

#include "cli/cache.h"

namespace lacuna {

class Scratch {
public:
    explicit Scratch(const std::string &name)
        : path_(cache_directory() / (name + "." + std::to_string(getpid()))) {
        std::filesystem::create_directories(path_);
    }
    ~Scratch() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    Scratch(const Scratch &) = delete;
    Scratch &operator=(const Scratch &) = delete;
    const std::filesystem::path &path() const { return path_; }
    std::filesystem::path at(const std::string &name) const { return path_ / name; }

private:
    std::filesystem::path path_;
};

}  // namespace lacuna
