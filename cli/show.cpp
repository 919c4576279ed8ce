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
#include "cli/list_files.h"
#include "cli/mix.h"
#include "cli/pattern_option.h"
#include "cli/picture.h"
#include "patterns/pattern.h"

namespace lacuna {

namespace {

constexpr int kMostTokens = 32768;  // every pair is asked for: some seconds
constexpr int kDefaultTokens = 64, kMostHeads = 1 << 16;

struct ShowOptions {
    std::string pattern, png, mask, globals;
    std::optional<int> tokens, head;
    int queries = 0, width = 0;
    bool ascii = false, json = false;
};

// Query heads that see the same keys, drawn as the first of them.
struct Drawing {
    HeadRange heads;
    Density density;
    int64_t pairs;  // of all heads
};

struct Summary {
    lac_pattern pattern;
    int64_t tokens, queries, heads, pairs, dense_pairs;  // pairs are of all heads
    std::vector<Drawing> drawings;
    bool by_head;
    double share(int64_t kept, int64_t of_heads) const {
        return static_cast<double>(kept) * static_cast<double>(heads) /
               (static_cast<double>(dense_pairs) * static_cast<double>(of_heads));
    }
    double density() const { return share(pairs, heads); }
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
    nlohmann::ordered_json json = {{"pattern", canonical(s.pattern)},
                                   {"slug", slug(s.pattern)},
                                   {"bidi", s.pattern.bidi != 0},
                                   {"tokens", s.tokens},
                                   {"queries", s.queries},
                                   {"pairs", s.pairs},
                                   {"dense_pairs", s.dense_pairs},
                                   {"density", s.density()},
                                   {"retained_keys", retained_keys(s.pattern, s.tokens)}};
    for (const Drawing &d : s.drawings) {
        if (!s.by_head) break;
        json["heads"].push_back({{"first", d.heads.first},
                                 {"last", d.heads.last},
                                 {"pattern", canonical(d.heads.pattern)},
                                 {"pairs", d.pairs},
                                 {"density", s.share(d.pairs, d.heads.count())}});
    }
    std::cout << json.dump(2) << '\n';
}

void print_pictures(const Summary &s, bool ascii) {
    for (const Drawing &d : s.drawings) {
        if (s.by_head)
            std::cout << (d.heads.count() > 1 ? "heads " : "head ") << d.heads.text() << ": "
                      << canonical(d.heads.pattern) << '\n';
        std::cout << text_picture(d.density, ascii);
    }
}

void print_line(const Summary &s) {
    char percent[32];
    std::snprintf(percent, sizeof percent, "%.1f", 100 * s.density());
    std::cout << s.pairs << " of " << s.dense_pairs << " pairs (" << percent << " % of dense "
              << (s.pattern.bidi ? "bidi" : "causal") << ")";
    if (s.heads > 1) std::cout << " in " << s.heads << " heads";
    std::cout << ", " << canonical(s.pattern) << '\n';
}

// The tensors that the lists are made for, if any; else whatever the options say.
lac_shape shape_of(const ShowOptions &o, const lac_pattern &pattern, const ListFiles &files) {
    int tokens = o.tokens.value_or(kDefaultTokens), queries = o.queries;
    const int32_t lists = files.mask ? files.mask->heads : 1;
    if (files.mask) {
        tokens = files.mask->keys;
        queries = files.mask->queries;
        if (tokens > kMostTokens)
            throw bad_input(o.mask + ": " + std::to_string(tokens) + " keys, expected at most " +
                            std::to_string(kMostTokens) + " to draw");
        if ((o.tokens && *o.tokens != tokens) || (o.queries > 0 && o.queries != queries))
            throw usage(o.mask + " has " + std::to_string(queries) + " queries and " +
                        std::to_string(tokens) + " keys: expected no other --tokens or --queries");
    }
    const std::string most = ": expected at most the " + std::to_string(tokens) + " tokens";
    if (queries > tokens && files.mask)
        throw bad_input(o.mask + ": " + std::to_string(queries) + " queries" + most);
    if (queries > tokens) throw usage("--queries " + std::to_string(queries) + most);
    int32_t heads = std::max(named_heads(pattern), lists);
    if (o.head && heads > 1 && *o.head >= heads)
        throw usage("--head " + std::to_string(*o.head) + ": expected 0 to " +
                    std::to_string(heads - 1));
    if (heads == 1 && o.head) heads = *o.head + 1;
    // Heads of KV heads alone tell a mask's apart, and the draws of bigbird.
    const int32_t kv_heads = lists > 1 && heads % lists == 0 ? lists : heads;
    return {sizeof(lac_shape),
            1,
            heads,
            kv_heads,
            queries > 0 ? queries : tokens,
            tokens,
            nullptr,
            nullptr,
            nullptr,
            nullptr,
            nullptr,
            0};
}

// Ranges of equal patterns, cut where another list begins.
std::vector<HeadRange> ranges_of(const lac_pattern &pattern, const lac_shape &shape) {
    std::vector<HeadRange> ranges;
    const int32_t lists = shape.lists ? shape.lists->heads : 1;
    for (HeadRange range : head_ranges(pattern, shape.heads, "the pattern")) {
        const int32_t step =
            lists > 1 && row_reader(range.pattern) ? shape.heads / lists : shape.heads;
        for (int32_t h = range.first; h <= range.last;) {
            const int32_t last = std::min(range.last, (h / step + 1) * step - 1);
            ranges.push_back({h, last, range.pattern});
            h = last + 1;
        }
    }
    return ranges;
}

std::vector<HeadRange> drawn_ranges(const ShowOptions &o, const lac_pattern &pattern,
                                    const lac_shape &shape) {
    std::vector<HeadRange> ranges = ranges_of(pattern, shape);
    if (!o.head) return ranges;
    for (const HeadRange &range : ranges)
        if (*o.head >= range.first && *o.head <= range.last)
            return {{*o.head, *o.head, range.pattern}};
    return ranges;
}

// Heads of a range follow one pattern and one list; only bigbird tells them apart.
bool differ(const HeadRange &heads, lac_shape shape) {
    shape.lists = nullptr;
    return by_head(heads.pattern, shape);
}

Drawing draw(const HeadRange &heads, const lac_shape &shape, int64_t cell) {
    Drawing drawing{heads, density_of(mask_of(heads.pattern, shape, heads.first), cell), 0};
    drawing.pairs = drawing.density.pairs();
    if (!differ(heads, shape)) {
        drawing.pairs *= heads.count();
        return drawing;
    }
    for (int32_t h = heads.first + 1; h <= heads.last; h++)
        drawing.pairs += density_of(mask_of(heads.pattern, shape, h), cell).pairs();
    return drawing;
}

Summary summary_of(const ShowOptions &o, const lac_pattern &pattern, const lac_shape &shape) {
    const std::vector<HeadRange> ranges = drawn_ranges(o, pattern, shape);
    Summary s{
        o.head ? ranges[0].pattern : pattern,         shape.k_tokens, shape.q_tokens, 0, 0, 0, {},
        ranges.size() > 1 || named_heads(pattern) > 0};
    for (const HeadRange &range : ranges) {
        s.drawings.push_back(draw(range, shape, ceil_div(shape.k_tokens, picture_width(o.width))));
        s.heads += range.count();
        s.pairs += s.drawings.back().pairs;
    }
    s.dense_pairs = s.heads * dense_pairs(pattern, shape.q_tokens, shape.k_tokens);
    return s;
}

void show(const ShowOptions &options) {
    const lac_pattern pattern = parse_pattern_option(options.pattern);
    const ListFiles files = read_list_files(pattern, options.mask, options.globals);
    lac_shape shape = shape_of(options, pattern, files);
    head_ranges(pattern, shape.heads, "the pattern");  // before lists are made for its heads
    Lists lists;
    make_lists(files, pattern, shape, lists);
    shape.lists = lists.get();
    const Summary summary = summary_of(options, pattern, shape);
    if (!options.png.empty()) {
        std::vector<Mask> masks;
        for (const Drawing &d : summary.drawings)
            masks.push_back(mask_of(d.heads.pattern, shape, d.heads.first));
        write_file_atomically(options.png, png_picture(masks));
    }
    if (!options.json) print_pictures(summary, options.ascii);
    options.json ? print_json(summary) : print_line(summary);
}

}  // namespace

void add_show(CLI::App &app) {
    const auto options = std::make_shared<ShowOptions>();
    CLI::App *command = app.add_subcommand("show", "Draw the pairs that a pattern keeps");
    command->add_option("--pattern", options->pattern, "such as window:16+every:8")->required();
    command->add_option("--tokens", options->tokens, "length of the sequence (the mask's, or 64)")
        ->check(CLI::Range(1, kMostTokens));
    command->add_option("--queries", options->queries, "draw the last so many queries only")
        ->check(CLI::Range(1, kMostTokens));
    command
        ->add_option("--head", options->head,
                     "draw this query head only; else a picture for each range of heads(...)")
        ->check(CLI::Range(0, kMostHeads - 1));
    command->add_option("--mask", options->mask,
                        "bool [queries, keys] or [heads, queries, keys]: what the mask: or topk "
                        "atom lists");
    command->add_option("--globals", options->globals,
                        "positions of global:list, int32 or int64 [count]");
    command->add_option("--png", options->png, "write the picture to this file as well");
    command->add_option("--width", options->width, "characters a line (the terminal's, or 64)")
        ->check(CLI::Range(1, kMostTokens));
    command->add_flag("--ascii", options->ascii, "draw with '#', '+' and '.'");
    command->add_flag("--json", options->json, "print the numbers as JSON, and no picture");
    command->callback([options] { show(*options); });
}

}  // namespace lacuna
