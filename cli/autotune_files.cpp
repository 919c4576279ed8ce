#include "cli/autotune_files.h"

#include <CLI/CLI.hpp>
#include <iostream>

#include "cli/errors.h"
#include "cli/files.h"
#include "cli/tuned_store.h"

namespace lacuna {

namespace {

std::vector<TunedEntry> entries_in(const std::string &path) {
    return parse_tuned(read_file(path), path);
}

void say(const char *what, size_t count, const std::string &where) {
    std::cerr << what << ' ' << count << (count == 1 ? " entry" : " entries") << ", " << where
              << '\n';
}

}  // namespace

void add_tuned_file_options(CLI::App &command, TunedFileOptions &options) {
    command.add_option("--import", options.import,
                       "take this file's entries into the user's database, instead of a search");
    command.add_option("--export", options.out, "write the user's entries to this file instead");
    command
        .add_option("--merge", options.merge,
                    "with --export: write these files' entries, the later of a key, and not the "
                    "user's")
        ->delimiter(',');
}

void use_tuned_files(const TunedFileOptions &o) {
    if (!o.merge.empty() && o.out.empty())
        throw usage("--merge: expected --export FILE for the result");
    const TunedStore store(user_tuned_directory());
    if (!o.import.empty()) {
        const std::vector<TunedEntry> fresh = entries_in(o.import);
        store.prepare();
        store.put(fresh);
        say("imported", fresh.size(), store.tuned_file().string());
    }
    if (o.out.empty()) return;
    std::vector<TunedEntry> all;
    for (const std::string &path : o.merge) all = merged(all, entries_in(path));
    if (o.merge.empty()) all = store.entries();
    write_file_atomically(o.out, tuned_json(all));
    say("exported", all.size(), o.out);
}

}  // namespace lacuna
