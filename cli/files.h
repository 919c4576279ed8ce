// Files that are whole or absent: nothing is visible under its name before it is complete and on
// the disk. Every error is a Failure that names the path and the system's reason.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>

namespace lacuna {

std::string read_file(const std::string &path);

// A file inside a directory that is itself not yet in place; missing folders are made.
void write_file(const std::filesystem::path &path, std::string_view bytes);

// Replaces path in one step; an earlier file keeps its permissions. A device or a pipe, such as
// /dev/stdout, is written to directly.
void write_file_atomically(const std::string &path, const std::string &bytes);

// A directory built under a hidden name beside its target and swapped into place by commit(). An
// interrupted run leaves the old directory or none; what it left behind goes with the next run.
//
// Only a bundle of ours is ever replaced: a directory that is empty, or whose manifest.json is an
// object with the string member "lacuna" (the version that wrote it).
class StagedDirectory {
public:
    explicit StagedDirectory(const std::string &target);
    ~StagedDirectory();
    StagedDirectory(const StagedDirectory &) = delete;
    StagedDirectory &operator=(const StagedDirectory &) = delete;

    const std::filesystem::path &path() const { return staging_; }  // write the files here
    void commit();

private:
    std::string name_;  // as the user wrote it, for messages
    std::filesystem::path target_, staging_;
};

}  // namespace lacuna
