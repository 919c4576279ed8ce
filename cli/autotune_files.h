// Tuned entries to and from files: --import, --export and --merge of autotune.
#pragma once
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace lacuna {

struct TunedFileOptions {
    std::string import, out;
    std::vector<std::string> merge;
    explicit operator bool() const { return !import.empty() || !out.empty() || !merge.empty(); }
};

void add_tuned_file_options(CLI::App &command, TunedFileOptions &options);
void use_tuned_files(const TunedFileOptions &options);

}  // namespace lacuna
