// The user's part of the tuned database on disk: tuned.json, replaced as a whole, and trials.jsonl,
// to which lines are only appended. Any number of tuners may share it, and any may be killed.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "cli/tuned.h"

namespace lacuna {

// $LACUNA_TUNED, else $XDG_DATA_HOME/lacuna/tuned, else ~/.local/share/lacuna/tuned.
std::filesystem::path user_tuned_directory();

// One candidate: how it ended, and its time by that of the tier's own Tile in the same minute, or
// its count by that one's.
struct TrialRecord {
    TuneKey key;
    Tile tile;
    std::string state;  // "ok", or why it may not win: "failed", "wrong", "timeout"
    double ratio;       // of "ok": below 1 is better than the tier's own Tile
    double value;       // milliseconds, or what was counted
    std::string objective = "time";
};
std::string trial_line(const TrialRecord &record);                // with its hash, and a line feed
std::optional<TrialRecord> parse_trial(const std::string &line);  // none: damaged

class TunedStore {
public:
    explicit TunedStore(std::filesystem::path directory);

    // Makes the directory; a Failure when that or writing there cannot be.
    void prepare() const;
    std::vector<TunedEntry> entries() const;                 // none when there is no file
    void put(const std::vector<TunedEntry> &entries) const;  // merged with what is there
    // On the disk when this returns.
    void append(const TrialRecord &record) const;
    struct Trials {
        std::vector<TrialRecord> records;  // of the key and the objective
        size_t damaged;                    // lines moved to trials.damaged
    };
    Trials trials(const TuneKey &key, const std::string &objective) const;

    std::filesystem::path tuned_file() const { return directory_ / "tuned.json"; }
    std::filesystem::path log_file() const { return directory_ / "trials.jsonl"; }
    std::filesystem::path damaged_file() const { return directory_ / "trials.damaged"; }

private:
    std::filesystem::path directory_;
};

}  // namespace lacuna
