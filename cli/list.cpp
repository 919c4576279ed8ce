// lacuna list: what there is to choose from.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/errors.h"
#include "cli/spec.h"
#include "patterns/pattern.h"
#include "runtime/cpu.h"
#include "schedules/targets.h"

namespace lacuna {

namespace {

// A list is one JSON value, and the text is made from it: the two cannot differ.
using Json = nlohmann::ordered_json;

// Arguments that make sense side by side for any atom: a wide reach, then a fine step.
std::string example_of(const Syntax &syntax) {
    static constexpr int32_t kArguments[LAC_ATOM_ARGS] = {256, 4, 2, 1, 1};
    std::string text = syntax.name;
    for (int i = 0; i < syntax.count; i++)
        text +=
            (i ? "," : ":") + std::to_string(std::max(kArguments[i], syntax.parameter[i].least));
    return text;
}

Json patterns() {
    Json rows = Json::array();
    for (uint32_t kind = 0; kind < kAtomKinds; kind++) {
        const Syntax &syntax = syntax_of(kind);
        Json parameters = Json::array();
        for (int i = 0; i < syntax.count; i++) {
            parameters.push_back({{"name", syntax.parameter[i].name},
                                  {"least", syntax.parameter[i].least},
                                  {"most", syntax.parameter[i].most},
                                  {"optional", i >= syntax.count - syntax.optional}});
        }
        rows.push_back({{"name", syntax.name},
                        {"parameters", parameters},
                        {"keeps", syntax.keeps},
                        {"example", example_of(syntax)}});
    }
    return rows;
}

Json triples_of(const Platform &platform) {
    Json triples = Json::array();
    std::istringstream words(platform.examples);
    for (std::string word; words >> word;) {
        if (word.back() == ',') word.pop_back();
        triples.push_back(word);
    }
    return triples;
}

Json tiers_of(const Platform &platform) {
    Json tiers = Json::array();
    const bool here = &platform == find_platform("host");
    for (const Tier *tier : default_tiers(platform)) {
        const bool runs = here && (cpu_features() & tier->cpu_features) == tier->cpu_features;
        tiers.push_back({{"name", tier->name}, {"runs_here", runs}});
    }
    return tiers;
}

Json targets() {
    Json rows = Json::array();
    for (const Platform &platform : platforms()) {
        rows.push_back({{"arch", platform.arch},
                        {"os", platform.os},
                        {"triples", triples_of(platform)},
                        {"tiers", tiers_of(platform)}});
    }
    return rows;
}

std::string word(const Json &value) { return value.get<std::string>(); }

void print_patterns(const Json &rows) {
    std::cout << "A pattern is [bidi/] atom {+ atom}: the union of its atoms, and k <= q unless "
                 "bidi.\n\n";
    for (const Json &row : rows) {
        std::string form = word(row["name"]);
        for (const Json &parameter : row["parameters"]) {
            const std::string next =
                (form == word(row["name"]) ? ":" : ",") + word(parameter["name"]);
            form += parameter["optional"] ? "[" + next + "]" : next;
        }
        std::cout << std::left << std::setw(24) << form << std::setw(22) << word(row["example"])
                  << word(row["keeps"]) << '\n';
    }
}

void print_targets(const Json &rows) {
    for (const Json &row : rows) {
        std::string triples, all, here;
        for (const Json &triple : row["triples"]) triples += "  " + word(triple);
        for (const Json &tier : row["tiers"]) {
            all += "  " + word(tier["name"]);
            if (tier["runs_here"]) here += "  " + word(tier["name"]);
        }
        std::cout << word(row["arch"]) << ' ' << word(row["os"]) << "\n    triples  " << triples
                  << "\n    tiers    " << all << "\n    runs here" << (here.empty() ? "  no" : here)
                  << '\n';
    }
}

void print_kernels(const Json &rows) {
    for (const Json &row : rows) std::cout << word(row) << '\n';
}

struct List {
    const char *name;
    Json (*rows)();
    void (*print)(const Json &rows);
};
constexpr List kLists[] = {
    {"patterns", patterns, print_patterns},
    {"targets", targets, print_targets},
    {"kernels", [] { return Json(builtin_kernel_names()); }, print_kernels},
};

void print_list(const std::string &name, bool json) {
    for (const List &list : kLists) {
        if (name != list.name) continue;
        const Json rows = list.rows();
        json ? void(std::cout << rows.dump(2) << '\n') : list.print(rows);
        return;
    }
    throw usage("list: found '" + name + "', expected patterns, targets or kernels");
}

}  // namespace

void add_list(CLI::App &app) {
    CLI::App *command = app.add_subcommand("list", "List what there is to choose from");
    const auto name = std::make_shared<std::string>();
    const auto json = std::make_shared<bool>(false);
    command->add_option("name", *name, "patterns, targets or kernels");
    command->add_flag("--json", *json, "print JSON");
    command->callback([name, json] { print_list(*name, *json); });
}

}  // namespace lacuna
