// Workloads by name (bench/workloads.json): options of bench that are measured together.
#pragma once
#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace lacuna {

struct Workload {
    std::string name, what;
    std::vector<std::pair<std::string, std::string>> options;  // {"tokens", "1024,4096"}
};

const std::vector<Workload> &workloads();
// "all" or names; a usage Failure that lists them for any other.
std::vector<const Workload *> find_workloads(const std::vector<std::string> &names);

// Gives `command` the workload's options, but for those that the user gave; runs; takes them back.
void with_workload(CLI::App &command, const Workload &workload, const std::function<void()> &run);

}  // namespace lacuna
