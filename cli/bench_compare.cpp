#include "cli/bench_compare.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/errors.h"
#include "cli/files.h"

namespace lacuna {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

// Of a change that is no chance one in a hundred would be claimed wrongly; of less than 2 % nobody
// should care.
constexpr double kSignificance = 0.01, kLeastChange = 0.02;

struct Entry {
    std::string name;
    std::vector<double> rounds;
    double least() const { return *std::min_element(rounds.begin(), rounds.end()); }
};

std::vector<Entry> entries_of(const std::string &path) {
    const json root = json::parse(read_file(path), nullptr, false);
    if (!root.is_object() || !root.contains("benchmarks") || !root["benchmarks"].is_array())
        throw bad_input(path + ": expected what lacuna bench --out writes");
    std::vector<Entry> entries;
    for (const json &row : root["benchmarks"]) {
        const std::string where = path + ": entry " + std::to_string(entries.size());
        const auto minima = row.is_object() ? row.find("round_min_ms") : row.end();
        if (!row.is_object() || !row.contains("name") || !row["name"].is_string() ||
            minima == row.end() || !minima->is_array() ||
            !std::all_of(minima->begin(), minima->end(),
                         [](const json &x) { return x.is_number() && x > 0; }))
            throw bad_input(where + " has no name or no times in round_min_ms");
        if (minima->size() < kLeastRanked)
            throw bad_input(where + " has " + std::to_string(minima->size()) +
                            " rounds, expected at least " + std::to_string(kLeastRanked) +
                            " (lacuna bench --rounds)");
        entries.push_back({row["name"], minima->get<std::vector<double>>()});
    }
    return entries;
}

struct Comparison {
    std::string name;
    double old_ms, new_ms, p;
    double change() const { return new_ms / old_ms - 1; }
    const char *verdict() const {
        if (p >= kSignificance || std::abs(change()) < kLeastChange) return "same";
        return change() > 0 ? "slower" : "faster";
    }
};

void print(const std::vector<Comparison> &rows, bool as_json) {
    if (as_json) {
        ordered_json list = ordered_json::array();
        for (const Comparison &c : rows) {
            list.push_back({{"name", c.name},
                            {"old_ms", c.old_ms},
                            {"new_ms", c.new_ms},
                            {"change", c.change()},
                            {"p", c.p},
                            {"verdict", c.verdict()}});
        }
        std::cout << list.dump(2) << '\n';
        return;
    }
    size_t width = 4;
    for (const Comparison &c : rows) width = std::max(width, c.name.size());
    char numbers[100];
    std::snprintf(numbers, sizeof numbers, "%10s%10s%9s%9s", "old ms", "new ms", "change", "p");
    std::cout << "name" << std::string(width - 4, ' ') << numbers << "  verdict\n";
    for (const Comparison &c : rows) {
        std::snprintf(numbers, sizeof numbers, "%10.4g%10.4g%+8.1f%%%9.2g", c.old_ms, c.new_ms,
                      100 * c.change(), c.p);
        std::cout << c.name << std::string(width - c.name.size(), ' ') << numbers << "  "
                  << c.verdict() << '\n';
    }
}

}  // namespace

double mann_whitney(const std::vector<double> &a, const std::vector<double> &b) {
    std::vector<std::pair<double, bool>> all;
    for (const double x : a) all.emplace_back(x, true);
    for (const double x : b) all.emplace_back(x, false);
    std::sort(all.begin(), all.end());
    const auto n = static_cast<double>(all.size()), na = static_cast<double>(a.size()),
               nb = static_cast<double>(b.size());
    double rank_sum = 0, ties = 0;
    for (size_t i = 0; i < all.size();) {
        size_t end = i;
        while (end < all.size() && all[end].first == all[i].first) end++;
        const double rank = static_cast<double>(i + end + 1) / 2;  // of those that tie
        for (size_t k = i; k < end; k++) rank_sum += all[k].second ? rank : 0;
        const auto tied = static_cast<double>(end - i);
        ties += tied * tied * tied - tied;
        i = end;
    }
    const double u = rank_sum - na * (na + 1) / 2;
    const double variance = na * nb / 12 * (n + 1 - ties / (n * (n - 1)));
    if (variance <= 0) return 1;
    const double off = std::max(0.0, std::abs(u - na * nb / 2) - 0.5);
    return std::erfc(off / std::sqrt(2 * variance));
}

void compare_files(const std::string &before, const std::string &after, bool as_json) {
    const std::vector<Entry> old_entries = entries_of(before), new_entries = entries_of(after);
    std::vector<Comparison> rows;
    std::string slower;
    for (const Entry &e : new_entries) {
        const auto old = std::find_if(old_entries.begin(), old_entries.end(),
                                      [&](const Entry &o) { return o.name == e.name; });
        if (old == old_entries.end()) continue;
        rows.push_back({e.name, old->least(), e.least(), mann_whitney(old->rounds, e.rounds)});
        if (rows.back().verdict() == std::string("slower"))
            slower += (slower.empty() ? "" : ", ") + e.name;
    }
    if (rows.empty()) throw bad_input(after + ": has no entry of a name that " + before + " has");
    print(rows, as_json);
    if (!slower.empty()) throw Failure(kFinding, "slower than " + before + ": " + slower);
}

}  // namespace lacuna
