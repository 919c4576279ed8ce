// lacuna list: what there is to choose from.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/errors.h"
#include "cli/list_layers.h"
#include "cli/pattern_option.h"
#include "cli/spec.h"
#include "cli/workloads.h"
#include "patterns/pattern.h"
#include "runtime/cpu.h"
#include "schedules/targets.h"

namespace lacuna {

namespace {

// A list is one JSON value, and the text is made from it: the two cannot differ.
using Json = nlohmann::ordered_json;

// Arguments that make sense side by side for any atom: a wide reach, then a fine step; after a
// wide reach a cap that is wider, rows of a few queries, and blocks that divide both.
int32_t example_argument(const Parameter &parameter, int place) {
    static constexpr int32_t kArguments[LAC_ATOM_ARGS] = {256, 4, 2, 1, 1};
    static constexpr struct {
        const char *name;
        int32_t argument;
    } kNamed[] = {{"cap", 320}, {"tile", 4}, {"block", 16}};
    if (!parameter.named) return std::max(kArguments[place], parameter.least);
    for (const auto &named : kNamed)
        if (std::string(named.name) == parameter.name) return named.argument;
    return parameter.least;
}

std::string example_of(const Syntax &syntax) {
    lac_pattern pattern{};
    pattern.size = sizeof pattern;
    pattern.atom_count = 1;
    while (&syntax_of(pattern.atom[0].kind) != &syntax) pattern.atom[0].kind++;
    for (int i = 0; i < syntax.count; i++)
        pattern.atom[0].arg[i] = example_argument(syntax.parameter[i], i);
    return canonical(pattern);
}

// What a user brings for the atom at run time: an option of run and show.
Json lists_of(const Syntax &syntax) {
    if (syntax.reads_rows) return "mask";
    return syntax.reads_globals ? Json("globals") : Json();
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
                                  {"named", syntax.parameter[i].named},
                                  {"optional", i >= syntax.count - syntax.optional}});
        }
        rows.push_back({{"name", syntax.name},
                        {"parameters", parameters},
                        {"lists", lists_of(syntax)},
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
                        {"tiers", tiers_of(platform)},
                        {"tested", platform.tested}});
    }
    return rows;
}

std::string word(const Json &value) { return value.get<std::string>(); }

// "W", and "cap=C" of a named one.
std::string spelled(const Json &parameter) {
    std::string name = word(parameter["name"]);
    if (!parameter["named"].get<bool>()) return name;
    return name + "=" + static_cast<char>(std::toupper(static_cast<unsigned char>(name[0])));
}

Json workload_rows() {
    Json rows = Json::array();
    for (const Workload &w : workloads()) {
        Json options = Json::object();
        for (const auto &[name, value] : w.options) options[name] = value;
        rows.push_back({{"name", w.name}, {"what", w.what}, {"options", options}});
    }
    return rows;
}

void print_patterns(const Json &rows) {
    std::cout << "A pattern is [bidi/] atom {+ atom}: the union of its atoms, and k <= q unless "
                 "bidi.\nIn place of one atom, heads(0-5=window:256|6-7=dense+sink:4) gives query "
                 "heads unions of their own.\n\n";
    std::vector<std::string> forms;
    size_t widest = 0, widest_example = 0;
    for (const Json &row : rows) {
        std::string form = word(row["name"]);
        for (const Json &parameter : row["parameters"]) {
            const bool colon = form == word(row["name"]) && form.find(':') == std::string::npos;
            const std::string next = (colon ? ":" : ",") + spelled(parameter);
            form += parameter["optional"] ? "[" + next + "]" : next;
        }
        forms.push_back(form);
        widest = std::max(widest, form.size());
        widest_example = std::max(widest_example, word(row["example"]).size());
    }
    for (size_t i = 0; i < forms.size(); i++) {
        const auto width = [](size_t columns) { return std::setw(static_cast<int>(columns) + 2); };
        std::cout << std::left << width(widest) << forms[i] << width(widest_example)
                  << word(rows[i]["example"]) << word(rows[i]["keeps"]) << '\n';
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
                  << "\n    tested     " << word(row["tested"]) << '\n';
    }
}

void print_kernels(const Json &rows) {
    for (const Json &row : rows) std::cout << word(row) << '\n';
}

void print_workloads(const Json &rows) {
    for (const Json &row : rows) {
        std::cout << word(row["name"]) << ": " << word(row["what"]) << "\n   ";
        for (const auto &[name, value] : row["options"].items())
            std::cout << " --" << name << ' ' << word(value);
        std::cout << '\n';
    }
}

struct List {
    const char *name;
    Json (*rows)();
    void (*print)(const Json &rows);
};
constexpr List kLists[] = {
    {"patterns", patterns, print_patterns},
    {"targets", targets, print_targets},
    {"workloads", workload_rows, print_workloads},
    {"kernels", [] { return Json(builtin_kernel_names()); }, print_kernels},
};

void print_layers(const std::string &spec, bool json) {
    if (spec.empty()) throw usage("list layers: expected --spec FILE");
    const Json layers = layers_json(spec);
    std::cout << (json ? layers.dump(2) + "\n" : layers_text(layers));
}

void print_list(const std::string &name, const std::string &spec, bool json) {
    if (name == "layers" || (name.empty() && !spec.empty())) {
        print_layers(spec, json);
        return;
    }
    if (!spec.empty()) throw usage("list " + name + ": has no use for --spec " + spec);
    for (const List &list : kLists) {
        if (name != list.name) continue;
        const Json rows = list.rows();
        json ? void(std::cout << rows.dump(2) << '\n') : list.print(rows);
        return;
    }
    throw usage("list: found '" + name +
                "', expected patterns, targets, kernels, workloads or layers");
}

}  // namespace

void add_list(CLI::App &app) {
    CLI::App *command = app.add_subcommand("list", "List what there is to choose from");
    const auto name = std::make_shared<std::string>();
    const auto spec = std::make_shared<std::string>();
    const auto json = std::make_shared<bool>(false);
    command->add_option("name", *name,
                        "patterns, targets, kernels, workloads, or layers of a spec");
    command->add_option("--spec", *spec, "what the layers of this spec keep and cost");
    command->add_flag("--json", *json, "print JSON");
    command->callback([name, spec, json] { print_list(*name, *spec, *json); });
}

}  // namespace lacuna
