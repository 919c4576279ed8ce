#include "cli/list_layers.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/cache_cost.h"
#include "cli/errors.h"
#include "cli/files.h"
#include "cli/pair_count.h"
#include "cli/pattern_option.h"
#include "cli/spec.h"
#include "patterns/pattern.h"

namespace lacuna {

namespace {

using Json = nlohmann::ordered_json;

// Of a layer, or of several.
struct Cost {
    double pairs = 0, flops = 0, kv_bytes = 0;
    void add(const Cost &c) {
        pairs += c.pairs;
        flops += c.flops;
        kv_bytes += c.kv_bytes;
    }
};

struct LayerCost {
    Cost kept, dense;
    bool known;
    double cache_keys;  // that a cache keeps of all tokens
};

class Costs {
public:
    Costs(const Spec &spec, const std::string &name) : model_(spec.model), type_(spec.types[0]) {
        if (spec.layers.empty()) throw bad_input(name + ": has no layers");
        if (model_.tokens == 0 || model_.heads == 0)
            throw bad_input(name + ": costs are counted from model.tokens and model.heads");
        if (spec.types.size() > 1)
            throw bad_input(name +
                            ": kernels have several head sizes or types; expected model.head_dim");
    }

    // Layers of one pattern are counted once.
    const LayerCost &of(const lac_pattern &pattern) {
        const auto [place, fresh] = costs_.try_emplace(canonical(pattern));
        if (!fresh) return place->second;
        const double n = model_.tokens, pairs = pattern.bidi ? n * n : n * (n + 1) / 2;
        const bool known = !reads_lists(pattern);
        Cost kept;
        if (known) {
            const PairCount c = count_pairs(pattern, model_.heads, model_.kv_heads, model_.tokens);
            kept = cost(static_cast<double>(c.kept), static_cast<double>(c.group));
        }
        return place->second = {kept, cost(pairs * model_.heads, pairs * model_.kv_heads), known,
                                retained_keys(pattern, model_.tokens)};
    }
    // Of the keys and values of a token, all KV heads.
    double token_bytes() const { return lacuna::token_bytes(type_, model_.kv_heads); }

private:
    // A multiply and an add for each feature of K and of V.
    Cost cost(double pairs, double rows) const {
        const double features = type_.head_dim + type_.value_dim;
        return {pairs, 2 * features * pairs, lacuna::token_bytes(type_, 1) * rows};
    }

    const Model model_;
    const KernelSpec type_;
    std::map<std::string, LayerCost> costs_;
};

void put_cost(Json &row, const Cost &kept, const Cost &dense, bool known) {
    const auto number = [&](double value) { return known ? Json(value) : Json(); };
    const auto count = [&](double value) { return known ? Json(std::llround(value)) : Json(); };
    row["pairs"] = count(kept.pairs);
    row["dense_pairs"] = std::llround(dense.pairs);
    row["density"] = number(kept.pairs / dense.pairs);
    row["flops"] = number(kept.flops);
    row["dense_flops"] = dense.flops;
    row["kv_bytes"] = number(kept.kv_bytes);
    row["dense_kv_bytes"] = dense.kv_bytes;
    row["kv_share"] = number(kept.kv_bytes / dense.kv_bytes);
}

// What a cache holds at full context, by need; whole panels take a little more.
void put_cache(Json &row, double keys, double dense_keys, double token_bytes) {
    row["cache_bytes"] = keys * token_bytes;
    row["dense_cache_bytes"] = dense_keys * token_bytes;
    row["cache_share"] = keys / dense_keys;
}

std::string cell(const Json &value, double unit, const char *format) {
    if (value.is_null()) return "at run time";
    char text[40];
    std::snprintf(text, sizeof text, format, value.get<double>() / unit);
    return text;
}

std::string line(const std::string &layer, const std::string &pattern, size_t width,
                 const std::vector<std::string> &cells) {
    std::string text = layer + std::string(7 - layer.size(), ' ') + pattern +
                       std::string(width - pattern.size(), ' ');
    for (const std::string &c : cells)
        text += std::string(c.size() < 13 ? 13 - c.size() : 1, ' ') + c;
    return text + "\n";
}

std::vector<std::string> cells_of(const Json &row) {
    return {cell(row["pairs"], 1, "%.0f"),
            cell(row["density"], 0.01, "%.1f %%"),
            cell(row["flops"], 1e9, "%.3f"),
            cell(row["kv_bytes"], 1e6, "%.1f"),
            cell(row["kv_share"], 0.01, "%.1f %%"),
            cell(row["cache_bytes"], 1e6, "%.2f"),
            cell(row["cache_share"], 0.01, "%.1f %%")};
}

}  // namespace

Json layers_json(const std::string &path) {
    const Spec spec = parse_spec(read_file(path), path);
    Costs costs(spec, path);
    const Model &m = spec.model;
    Json json{{"model",
               {{"layers", spec.layers.size()},
                {"heads", m.heads},
                {"kv_heads", m.kv_heads},
                {"tokens", m.tokens},
                {"dtype", dtype_name(spec.types[0].dtypes.q)},
                {"kv_dtype", spec.types[0].dtypes.kv_name()},
                {"head_dim", spec.types[0].head_dim},
                {"value_dim", spec.types[0].value_dim}}},
              {"layers", Json::array()}};
    json["model"]["token_bytes"] = std::llround(costs.token_bytes());
    Cost kept, dense;
    double cache_keys = 0;
    int counted = 0;
    for (const Layer &layer : spec.layers) {
        const LayerCost &c = costs.of(layer.pattern);
        Json row{{"layer", json["layers"].size()},
                 {"pattern", canonical(layer.pattern)},
                 {"kernel", layer.kernels[0]}};
        put_cost(row, c.kept, c.dense, c.known);
        put_cache(row, c.cache_keys, m.tokens, costs.token_bytes());
        cache_keys += c.cache_keys;
        json["layers"].push_back(row);
        if (!c.known) continue;
        counted++;
        kept.add(c.kept);
        dense.add(c.dense);
    }
    json["total"]["layers"] = counted;
    put_cost(json["total"], kept, dense, counted > 0);
    put_cache(json["total"], cache_keys,
              static_cast<double>(m.tokens) * static_cast<double>(spec.layers.size()),
              costs.token_bytes());
    return json;
}

std::string layers_text(const Json &json) {
    const Json &m = json["model"], &total = json["total"];
    size_t width = 7;
    for (const Json &row : json["layers"])
        width = std::max(width, row["pattern"].get<std::string>().size());
    const auto number = [](const Json &value) { return value.dump(); };
    std::string text = number(m["tokens"]) + " tokens, " + number(m["heads"]) + " heads on " +
                       number(m["kv_heads"]) + " KV heads, head size " + number(m["head_dim"]) +
                       "; K and V are read once for each query token and KV head, " +
                       number(m["token_bytes"]) + " bytes a token and layer\n\n";
    text += line("layer", "pattern", width,
                 {"pairs", "of dense", "GFLOP", "K+V MB", "of dense", "cache MB", "of dense"});
    for (const Json &row : json["layers"])
        text += line(number(row["layer"]), row["pattern"], width, cells_of(row));
    text += line("total", "", width, cells_of(total));
    if (total["layers"] != m["layers"])
        text += "The total is of the " + number(total["layers"]) + " of " + number(m["layers"]) +
                " layers whose keys are known before run time.\n";
    return text;
}

}  // namespace lacuna
