#include "cli/bench_lists.h"

#include "cli/errors.h"
#include "cli/pattern_option.h"
#include "patterns/pattern.h"

namespace lacuna {

namespace {

void refuse_if(bool useless, const std::string &option, const lac_pattern &pattern,
               const std::string &why) {
    if (useless) throw usage(option + ": " + canonical(pattern) + " " + why);
}

bool one_of(const std::string &option, const std::string &value, const char *otherwise,
            const char *chosen) {
    if (value.empty() || value == otherwise) return false;
    if (value == chosen) return true;
    throw usage(option + " " + value + ": expected " + otherwise + " or " + chosen);
}

int32_t heads_of_lists(const std::string &value, const ProblemSize &size) {
    if (value.empty() || value == "shared") return 1;
    if (value == "kv") return size.kv_heads;
    if (value == "query") return size.heads;
    throw usage("--list-heads " + value + ": expected shared, kv or query");
}

}  // namespace

void add_list_options(CLI::App &command, BenchListOptions &o) {
    command
        .add_option("--density", o.density,
                    "share of the keys or blocks in sight that a row of mask: lists (0.25)")
        ->check(CLI::Range(0.0, 1.0));
    command.add_option(
        "--lists", o.lists,
        "random, or clustered in runs of 16 keys: what mask: and topk list (random)");
    command.add_option("--list-heads", o.list_heads,
                       "who has lists of their own: shared (none), kv or query heads (shared)");
    command.add_option("--globals", o.globals, "positions of global:list (16)")
        ->check(CLI::Range(0, LAC_MAX_TOKENS));
}

ListRecipe lists_for(const BenchListOptions &o, const lac_pattern &pattern,
                     const ProblemSize &size) {
    constexpr double kDensity = 0.25;
    constexpr int kGlobals = 16;
    const lac_atom *reader = row_reader(pattern);
    const bool topk = reader && reader->kind == kTopK;
    refuse_if(o.density && !reader, "--density", pattern, "has no mask: atom");
    refuse_if(o.density && topk, "--density", pattern, "keeps as many as topk says");
    refuse_if(!o.lists.empty() && !reader, "--lists", pattern, "has no mask: or topk atom");
    refuse_if(!o.list_heads.empty() && !reader, "--list-heads", pattern,
              "has no mask: or topk atom");
    refuse_if(o.globals && !reads_globals(pattern), "--globals", pattern, "has no global:list");
    ListRecipe lists;
    if (reader && !topk) lists.density = o.density.value_or(kDensity);
    lists.clustered = one_of("--lists", o.lists, "random", "clustered");
    lists.heads = heads_of_lists(o.list_heads, size);
    if (reads_globals(pattern)) lists.globals = o.globals.value_or(kGlobals);
    if (lists.globals > size.k_tokens)
        throw usage("--globals " + std::to_string(lists.globals) + ": expected at most the " +
                    std::to_string(size.k_tokens) + " of --tokens");
    return lists;
}

}  // namespace lacuna
