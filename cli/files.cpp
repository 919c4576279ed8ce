#include "cli/files.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <system_error>

#include "cli/errors.h"

namespace lacuna {

namespace fs = std::filesystem;

namespace {

constexpr unsigned kRenameExchange = 1u << 1;  // RENAME_EXCHANGE, which old libcs do not declare

Failure cannot(const char *verb, const std::string &path, int error) {
    return bad_input(path + ": cannot " + verb + ": " + std::generic_category().message(error));
}

class Descriptor {
public:
    Descriptor(const fs::path &path, int flags, mode_t mode = 0)
        : fd_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {}
    ~Descriptor() { close(); }
    Descriptor(const Descriptor &) = delete;
    Descriptor &operator=(const Descriptor &) = delete;
    int get() const { return fd_; }
    int close() {
        const int fd = fd_;
        fd_ = -1;
        return fd < 0 ? 0 : ::close(fd);
    }

private:
    int fd_;
};

void write_all(int fd, std::string_view bytes, const std::string &name) {
    size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t n = ::write(fd, bytes.data() + done, bytes.size() - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) throw cannot("write", name, errno);
        done += static_cast<size_t>(n);
    }
}

void sync_path(const fs::path &path, int flags) {
    const Descriptor file(path, O_RDONLY | flags);
    if (file.get() < 0) throw cannot("open", path, errno);
    // Some network file systems cannot sync a directory and say EINVAL.
    if (::fsync(file.get()) != 0 && errno != EINVAL) throw cannot("sync", path, errno);
}

// Absolute, without links and without a trailing slash, so that a sibling can be named.
fs::path resolved(const std::string &path) {
    std::error_code error;
    fs::path whole = fs::absolute(path, error);
    if (!error) whole = fs::weakly_canonical(whole, error);
    if (error) throw cannot("resolve", path, error.value());
    if (!whole.has_filename()) whole = whole.parent_path();
    if (!whole.has_filename()) throw bad_input("'" + path + "': names no file or directory");
    return whole;
}

// Cut, so that a name that is legal for the target is legal for its sibling.
std::string hidden_prefix(const fs::path &target) {
    return "." + target.filename().string().substr(0, 200) + ".";
}

fs::path hidden_sibling(const fs::path &target, const char *suffix) {
    return target.parent_path() / (hidden_prefix(target) + std::to_string(::getpid()) + suffix);
}

bool is_stale(const std::string &name, const std::string &prefix) {
    if (name.compare(0, prefix.size(), prefix) != 0) return false;
    const size_t digits = prefix.size(), end = name.find_first_not_of("0123456789", digits);
    if (end == std::string::npos || end == digits || end - digits > 9) return false;
    const std::string suffix = name.substr(end);
    if (suffix != ".tmp" && suffix != ".old.tmp") return false;
    const pid_t pid = std::stoi(name.substr(digits, end - digits));
    // Our own id can only be that of an earlier process.
    return pid == ::getpid() || (pid > 0 && ::kill(pid, 0) != 0 && errno == ESRCH);
}

void remove_stale(const fs::path &target) {
    const std::string prefix = hidden_prefix(target);
    std::error_code ignored;  // a leftover that cannot be removed harms nothing
    fs::directory_iterator entry(target.parent_path(), ignored), end;
    for (; !ignored && entry != end; entry.increment(ignored)) {
        std::error_code busy;
        if (is_stale(entry->path().filename(), prefix)) fs::remove_all(entry->path(), busy);
    }
}

void write_directly(const std::string &path, const std::string &bytes) {
    Descriptor file(path, O_WRONLY | O_NOCTTY);
    if (file.get() < 0) throw cannot("open", path, errno);
    write_all(file.get(), bytes, path);
    if (file.close() != 0) throw cannot("write", path, errno);
}

void write_synced(const fs::path &temp, const std::string &bytes, const struct stat *earlier,
                  const std::string &name) {
    Descriptor file(temp, O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (file.get() < 0) throw cannot("write", name, errno);
    if (earlier && ::fchmod(file.get(), earlier->st_mode & 07777) != 0)
        throw cannot("write", name, errno);
    write_all(file.get(), bytes, name);
    if (::fsync(file.get()) != 0 || file.close() != 0) throw cannot("write", name, errno);
}

bool is_our_bundle(const fs::path &directory) {
    const fs::path manifest = directory / "manifest.json";
    if (!fs::is_regular_file(manifest)) return false;
    const auto json = nlohmann::json::parse(read_file(manifest), nullptr, false);
    return json.is_object() && json.contains("lacuna") && json["lacuna"].is_string();
}

// Build systems make an output's folders before they run the command.
bool holds_only_folders(const fs::path &directory) {
    return std::all_of(fs::recursive_directory_iterator(directory), {},
                       [](const auto &entry) { return entry.is_directory(); });
}

void refuse_foreign(const fs::path &target, const std::string &name) {
    if (!fs::exists(target)) return;
    if (!fs::is_directory(target))
        throw bad_input(name + ": is a file, expected a directory or a new name");
    if (!holds_only_folders(target) && !is_our_bundle(target))
        throw bad_input(name +
                        ": would overwrite foreign files (it has no manifest.json of "
                        "lacuna's); name an empty or a new directory");
    // Its callers would be left inside a deleted directory.
    if (fs::equivalent(target, fs::current_path()))
        throw bad_input(name + ": is the current directory, name another one");
}

void move(const fs::path &from, const fs::path &to) {
    if (::rename(from.c_str(), to.c_str()) != 0) throw cannot("replace", to, errno);
}

// For file systems that cannot exchange: between the two renames there is no target.
void replace_in_two_steps(const fs::path &staging, const fs::path &target) {
    const fs::path old = hidden_sibling(target, ".old.tmp");
    move(target, old);
    try {
        move(staging, target);
    } catch (const Failure &) {
        move(old, target);
        throw;
    }
    std::error_code ignored;
    fs::remove_all(old, ignored);
}

void replace_directory(const fs::path &staging, const fs::path &target) {
    fs::permissions(staging, fs::status(target).permissions());
    if (::syscall(SYS_renameat2, AT_FDCWD, staging.c_str(), AT_FDCWD, target.c_str(),
                  kRenameExchange) == 0)
        return;
    if (errno != EINVAL && errno != ENOSYS) throw cannot("replace", target, errno);
    replace_in_two_steps(staging, target);
}

// std::filesystem's exceptions as failures of ours.
template <class Work>
void with_failures(Work work) {
    try {
        work();
    } catch (const fs::filesystem_error &e) {
        throw cannot("write", e.path1(), e.code().value());
    }
}

}  // namespace

std::string read_file(const std::string &path) {
    const Descriptor file(path, O_RDONLY);
    if (file.get() < 0) throw cannot("open", path, errno);
    struct stat info{};
    std::string bytes;
    if (::fstat(file.get(), &info) == 0 && S_ISREG(info.st_mode))
        bytes.reserve(static_cast<size_t>(info.st_size));
    char buffer[1 << 16];
    for (;;) {
        const ssize_t n = ::read(file.get(), buffer, sizeof buffer);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) throw cannot("read", path, errno);
        if (n == 0) return bytes;
        bytes.append(buffer, static_cast<size_t>(n));
    }
}

void write_file(const fs::path &path, std::string_view bytes) {
    fs::create_directories(path.parent_path());
    Descriptor file(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (file.get() < 0) throw cannot("write", path, errno);
    write_all(file.get(), bytes, path);
    if (file.close() != 0) throw cannot("write", path, errno);
}

void write_file_atomically(const std::string &path, const std::string &bytes) {
    struct stat earlier{};
    const bool exists = ::stat(path.c_str(), &earlier) == 0;
    if (exists && S_ISDIR(earlier.st_mode)) throw cannot("write", path, EISDIR);
    if (exists && !S_ISREG(earlier.st_mode)) {
        write_directly(path, bytes);
        return;
    }
    const fs::path target = resolved(path);
    remove_stale(target);
    const fs::path temp = hidden_sibling(target, ".tmp");
    try {
        write_synced(temp, bytes, exists ? &earlier : nullptr, path);
        if (::rename(temp.c_str(), target.c_str()) != 0) throw cannot("write", path, errno);
    } catch (const Failure &) {
        ::unlink(temp.c_str());
        throw;
    }
    sync_path(target.parent_path(), O_DIRECTORY);
}

StagedDirectory::StagedDirectory(const std::string &target)
    : name_(target), target_(resolved(target)) {
    with_failures([&] {
        refuse_foreign(target_, name_);
        fs::create_directories(target_.parent_path());
        remove_stale(target_);
        staging_ = hidden_sibling(target_, ".tmp");
        fs::create_directory(staging_);
    });
}

StagedDirectory::~StagedDirectory() {
    std::error_code ignored;
    fs::remove_all(staging_, ignored);
}

void StagedDirectory::commit() {
    with_failures([&] {
        refuse_foreign(target_, name_);
        for (const auto &entry : fs::recursive_directory_iterator(staging_))
            if (entry.is_regular_file() || entry.is_directory()) sync_path(entry.path(), 0);
        sync_path(staging_, O_DIRECTORY);
        if (fs::exists(target_))
            replace_directory(staging_, target_);
        else
            move(staging_, target_);
        sync_path(target_.parent_path(), O_DIRECTORY);
        std::error_code ignored;
        fs::remove_all(staging_, ignored);  // the old directory, after an exchange
    });
}

}  // namespace lacuna
