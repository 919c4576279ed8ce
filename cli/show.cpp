// lacuna show: what a pattern keeps, as a picture and in numbers.
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/errors.h"
#include "cli/files.h"
#include "cli/pattern_option.h"
#include "cli/picture.h"
#include "patterns/pattern.h"

namespace lacuna {

namespace {

constexpr int kMostTokens = 32768;  // every pair is asked for: some seconds

struct ShowOptions {
    std::string pattern, png;
    int tokens = 64, queries = 0, width = 0;
    bool ascii = false, json = false;
};

struct Summary {
    lac_pattern pattern;
    int64_t tokens, queries, pairs, dense_pairs;
    double density() const { return static_cast<double>(pairs) / static_cast<double>(dense_pairs); }
};

int picture_width(int asked) {
    winsize size{};
    if (asked > 0) return asked;
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return 64;
}

// Dense in the same sense: causal unless the pattern is bidi.
int64_t dense_pairs(const lac_pattern &pattern, int64_t queries, int64_t tokens) {
    if (pattern.bidi) return queries * tokens;
    return queries * (tokens - queries) + queries * (queries + 1) / 2;
}

// Keys that the last query or a later one can see: what a cache must hold after `tokens`.
int64_t retained_keys(const lac_pattern &pattern, int64_t tokens) {
    int64_t count = 0;
    for (int64_t key = 0; key < tokens; key++) count += retained(pattern, key, tokens - 1);
    return count;
}

void print_json(const Summary &s) {
    const nlohmann::ordered_json json = {{"pattern", canonical(s.pattern)},
                                         {"slug", slug(s.pattern)},
                                         {"bidi", s.pattern.bidi != 0},
                                         {"tokens", s.tokens},
                                         {"queries", s.queries},
                                         {"pairs", s.pairs},
                                         {"dense_pairs", s.dense_pairs},
                                         {"density", s.density()},
                                         {"retained_keys", retained_keys(s.pattern, s.tokens)}};
    std::cout << json.dump(2) << '\n';
}

void print_line(const Summary &s) {
    char percent[32];
    std::snprintf(percent, sizeof percent, "%.1f", 100 * s.density());
    std::cout << s.pairs << " of " << s.dense_pairs << " pairs (" << percent << " % of dense "
              << (s.pattern.bidi ? "bidi" : "causal") << "), " << canonical(s.pattern) << '\n';
}

void show(const ShowOptions &options) {
    const lac_pattern pattern = parse_pattern_option(options.pattern);
    const int queries = options.queries > 0 ? options.queries : options.tokens;
    if (queries > options.tokens)
        throw usage("--queries " + std::to_string(queries) + ": expected at most the " +
                    std::to_string(options.tokens) + " tokens");
    const Mask mask = mask_of(pattern, queries, options.tokens);
    if (!options.png.empty()) write_file_atomically(options.png, png_picture(mask));
    const int64_t cell = ceil_div(options.tokens, picture_width(options.width));
    const Density density = density_of(mask, cell);
    if (!options.json) std::cout << text_picture(density, options.ascii);
    const Summary summary{pattern, options.tokens, queries, density.pairs(),
                          dense_pairs(pattern, queries, options.tokens)};
    options.json ? print_json(summary) : print_line(summary);
}

}  // namespace

void add_show(CLI::App &app) {
    const auto options = std::make_shared<ShowOptions>();
    CLI::App *command = app.add_subcommand("show", "Draw the pairs that a pattern keeps");
    command->add_option("--pattern", options->pattern, "such as window:16+every:8")->required();
    command->add_option("--tokens", options->tokens, "length of the sequence")
        ->check(CLI::Range(1, kMostTokens))
        ->capture_default_str();
    command->add_option("--queries", options->queries, "draw the last so many queries only")
        ->check(CLI::Range(1, kMostTokens));
    command->add_option("--png", options->png, "write the picture to this file as well");
    command->add_option("--width", options->width, "characters a line (the terminal's, or 64)")
        ->check(CLI::Range(1, kMostTokens));
    command->add_flag("--ascii", options->ascii, "draw with '#', '+' and '.'");
    command->add_flag("--json", options->json, "print the numbers as JSON, and no picture");
    command->callback([options] { show(*options); });
}

}  // namespace lacuna
