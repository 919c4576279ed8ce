#include "cli/tuned_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/errors.h"
#include "cli/files.h"
#include "cli/process.h"
#include "schedules/tile_text.h"

namespace lacuna {

namespace fs = std::filesystem;
using nlohmann::json;
using nlohmann::ordered_json;

namespace {

Failure cannot(const char *verb, const fs::path &path) {
    return bad_input(path.string() + ": cannot " + verb + ": " + std::strerror(errno) +
                     " (LACUNA_TUNED names another directory)");
}

// Held by one process at a time; the system lets go of it when a holder dies.
class Lock {
public:
    explicit Lock(const fs::path &directory)
        : fd_(::open((directory / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
        if (fd_ < 0) throw cannot("open", directory / "lock");
        while (::flock(fd_, LOCK_EX) != 0)
            if (errno != EINTR) throw cannot("lock", directory / "lock");
    }
    ~Lock() { ::close(fd_); }
    Lock(const Lock &) = delete;
    Lock &operator=(const Lock &) = delete;

private:
    int fd_;
};

// Enough for lines to tell damage from data; SHA-256 is at hand.
std::string hash_of(const std::string &text) { return sha256(text).substr(0, 12); }

// A line that was cut short is ended first. What a full disk has taken of ours is taken back.
void append_line(const fs::path &path, const std::string &line) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0) throw cannot("open", path);
    const off_t end = ::lseek(fd, 0, SEEK_END);
    char last = '\n';
    if (end > 0 && ::pread(fd, &last, 1, end - 1) != 1) last = '\n';
    const std::string bytes = last == '\n' ? line : "\n" + line;
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 || static_cast<size_t>(written) != bytes.size() || ::fsync(fd) != 0) {
        if (written >= 0 && static_cast<size_t>(written) != bytes.size()) errno = ENOSPC;
        const int error = errno;
        if (end >= 0 && ::ftruncate(fd, end) != 0) errno = error;
        ::close(fd);
        errno = error;
        throw cannot("write", path);
    }
    ::close(fd);
}

}  // namespace

fs::path user_tuned_directory() {
    if (const char *dir = std::getenv("LACUNA_TUNED"); dir && *dir) return dir;
    if (const char *dir = std::getenv("XDG_DATA_HOME"); dir && *dir)
        return fs::path(dir) / "lacuna" / "tuned";
    if (const char *home = std::getenv("HOME"); home && *home)
        return fs::path(home) / ".local" / "share" / "lacuna" / "tuned";
    return fs::temp_directory_path() / "lacuna-tuned";
}

namespace {
std::string unit_of(const std::string &objective) { return objective == "time" ? "ms" : objective; }
}  // namespace

std::string trial_line(const TrialRecord &r) {
    ordered_json row{{"kernel", r.key.kernel},
                     {"tier", r.key.tier},
                     {"cpu", r.key.cpu},
                     {"shape", r.key.shape},
                     {"algorithm", r.key.algorithm},
                     {"objective", r.objective},
                     {"tile", tile_text(r.tile)},
                     {"state", r.state},
                     {"ratio", r.ratio},
                     {unit_of(r.objective), r.value}};
    row["hash"] = hash_of(row.dump());
    return row.dump() + "\n";
}

std::optional<TrialRecord> parse_trial(const std::string &line) try {
    ordered_json row = ordered_json::parse(line);
    const std::string hash = row.at("hash");
    row.erase("hash");
    if (hash != hash_of(row.dump())) return std::nullopt;
    // Earlier versions measured nothing but time, and did not say so.
    const std::string objective = row.value("objective", "time");
    TrialRecord r{
        {row.at("kernel"), row.at("tier"), row.at("cpu"), row.at("shape"), row.at("algorithm")},
        {},
        row.at("state"),
        row.at("ratio"),
        row.at(unit_of(objective)),
        objective};
    if (!parse_tile(row.at("tile"), r.tile)) return std::nullopt;
    return r;
} catch (const nlohmann::json::exception &) {
    return std::nullopt;
}

TunedStore::TunedStore(fs::path directory) : directory_(std::move(directory)) {}

void TunedStore::prepare() const {
    std::error_code error;
    fs::create_directories(directory_, error);
    if (error) {
        errno = error.value();
        throw cannot("make the directory", directory_);
    }
    const Lock lock(directory_);
    append_line(log_file(), "");
}

std::vector<TunedEntry> TunedStore::entries() const {
    std::error_code ignored;
    if (!fs::exists(tuned_file(), ignored)) return {};
    return parse_tuned(read_file(tuned_file().string()), tuned_file().string());
}

void TunedStore::put(const std::vector<TunedEntry> &fresh) const {
    const Lock lock(directory_);
    write_file_atomically(tuned_file().string(), tuned_json(merged(entries(), fresh)));
}

void TunedStore::append(const TrialRecord &record) const {
    const Lock lock(directory_);
    append_line(log_file(), trial_line(record));
}

TunedStore::Trials TunedStore::trials(const TuneKey &key, const std::string &objective) const {
    Trials found{{}, 0};
    std::error_code ignored;
    if (!fs::exists(log_file(), ignored)) return found;
    const Lock lock(directory_);
    std::istringstream lines(read_file(log_file().string()));
    std::string whole, damaged;
    for (std::string line; std::getline(lines, line);) {
        const auto record = parse_trial(line);
        if (record && record->key.text() == key.text() && record->objective == objective)
            found.records.push_back(*record);
        if (!record) found.damaged++;
        (record ? whole : damaged) += line + "\n";
    }
    if (found.damaged > 0) {
        // In this order nothing is lost when this ends between the two.
        append_line(damaged_file(), damaged);
        write_file_atomically(log_file().string(), whole);
    }
    return found;
}

}  // namespace lacuna
