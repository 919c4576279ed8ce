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

bool clustered(const std::string &value) {
    if (value.empty() || value == "random" || value == "routed") return false;
    if (value == "clustered") return true;
    throw usage("--lists " + value + ": expected random, clustered or routed");
}

std::optional<lac_route_method> router_for(const BenchListOptions &o, const lac_pattern &pattern) {
    const bool routed = o.lists == "routed";
    refuse_if(!routed && !o.route.empty(), "--route", pattern,
              "has no use for it without --lists routed");
    if (!routed) return std::nullopt;
    const lac_atom *reader = row_reader(pattern);
    refuse_if(!reader || reader->kind != kTopK || !TopK::by_blocks(*reader), "--lists routed",
              pattern, "has no topk with block=");
    refuse_if(!o.list_heads.empty(), "--list-heads", pattern,
              "gets a list for each KV head from --lists routed");
    for (const auto method : {LAC_ROUTE_MINMAX, LAC_ROUTE_MEAN})
        if (o.route == route_name(method)) return method;
    if (o.route.empty()) return LAC_ROUTE_MINMAX;
    throw usage("--route " + o.route + ": expected minmax or mean");
}

int64_t overshoot_for(const BenchListOptions &o, const lac_pattern &pattern) {
    if (!o.overshoot) return 0;
    const lac_atom *reader = row_reader(pattern);
    refuse_if(!reader || reader->kind != kTopK || TopK::by_blocks(*reader), "--overshoot", pattern,
              "has no topk of single keys");
    if (*o.overshoot > TopK::best(*reader)) return *o.overshoot;
    throw usage("--overshoot " + std::to_string(*o.overshoot) + ": expected more than the " +
                std::to_string(TopK::best(*reader)) + " that " + canonical(pattern) + " keeps");
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
        "what mask: and topk list: random, clustered in runs of 16 keys, or routed (random)");
    command.add_option("--route", o.route,
                       "how --lists routed scores blocks: minmax or mean (minmax)");
    command.add_option("--list-heads", o.list_heads,
                       "who has lists of their own: shared (none), kv or query heads (shared)");
    command
        .add_option("--overshoot", o.overshoot,
                    "candidates of every eighth row of topk, from the first on; others have K")
        ->check(CLI::Range(1, LAC_MAX_TOKENS));
    command.add_option("--globals", o.globals, "positions of global:list (16)")
        ->check(CLI::Range(0, LAC_MAX_TOKENS));
}

std::string route_name(lac_route_method method) {
    return method == LAC_ROUTE_MINMAX ? "minmax" : "mean";
}

ListSource lists_for(const BenchListOptions &o, const lac_pattern &pattern,
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
    ListSource source;
    ListRecipe &lists = source.random;
    source.router = router_for(o, pattern);
    if (reader && !topk) lists.density = o.density.value_or(kDensity);
    lists.clustered = clustered(o.lists);
    lists.overshoot = overshoot_for(o, pattern);
    lists.heads = source.router ? size.kv_heads : heads_of_lists(o.list_heads, size);
    if (reads_globals(pattern)) lists.globals = o.globals.value_or(kGlobals);
    if (lists.globals > size.k_tokens)
        throw usage("--globals " + std::to_string(lists.globals) + ": expected at most the " +
                    std::to_string(size.k_tokens) + " of --tokens");
    return source;
}

}  // namespace lacuna
