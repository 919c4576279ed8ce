#include "cli/workloads.h"

#include <nlohmann/json.hpp>

#include "cli/embedded.h"
#include "cli/errors.h"

namespace lacuna {

namespace {

std::vector<Workload> read_workloads() {
    const auto json = nlohmann::ordered_json::parse(embedded_file("bench/workloads.json"));
    std::vector<Workload> all;
    for (const auto &row : json.at("workloads")) {
        Workload w{row.at("name"), row.at("what"), {}};
        for (const auto &[name, value] : row.at("options").items())
            w.options.emplace_back(name,
                                   value.is_string() ? value.get<std::string>() : value.dump());
        all.push_back(std::move(w));
    }
    return all;
}

const Workload &find_workload(const std::string &name) {
    std::string known = "all";
    for (const Workload &w : workloads()) {
        if (w.name == name) return w;
        known += ", " + w.name;
    }
    throw usage("--workload " + name + ": expected " + known);
}

}  // namespace

const std::vector<Workload> &workloads() {
    static const std::vector<Workload> all = read_workloads();
    return all;
}

std::vector<const Workload *> find_workloads(const std::vector<std::string> &names) {
    std::vector<const Workload *> found;
    for (const std::string &name : names) {
        if (name == "all")
            for (const Workload &w : workloads()) found.push_back(&w);
        else
            found.push_back(&find_workload(name));
    }
    return found;
}

void with_workload(CLI::App &command, const Workload &workload, const std::function<void()> &run) {
    std::vector<CLI::Option *> set;
    for (const auto &[name, value] : workload.options) {
        CLI::Option *option = command.get_option("--" + name);
        if (option->count()) continue;
        option->add_result(value);
        option->run_callback();
        set.push_back(option);
    }
    run();
    for (CLI::Option *option : set) option->clear();
}

}  // namespace lacuna
