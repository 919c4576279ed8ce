#include <map>

#include "cli/errors.h"
#include "cli/mix.h"
#include "cli/pattern_option.h"
#include "cli/spec_json.h"

namespace lacuna {

using nlohmann::json;

namespace {

constexpr int kMostLayers = 4096, kMostHeads = 1 << 16;

int count_of(const json &model, const char *key, int most, const std::string &where) {
    if (!model.contains(key)) return 0;
    const int value = whole_number(model[key], where + "." + key);
    if (value < 1 || value > most)
        throw bad_input(where + "." + key + " is " + std::to_string(value) + ", expected 1 to " +
                        std::to_string(most));
    return value;
}

Model model_of(const json &model, const std::string &where) {
    check_members(model, where,
                  {"layers", "heads", "kv_heads", "tokens", "dtype", "kv_dtype", "arithmetic",
                   "head_dim", "value_dim"});
    Model m{count_of(model, "layers", kMostLayers, where),
            count_of(model, "heads", kMostHeads, where),
            count_of(model, "kv_heads", kMostHeads, where),
            count_of(model, "tokens", LAC_MAX_TOKENS, where)};
    if (m.kv_heads == 0) m.kv_heads = m.heads;
    if (m.heads == 0 ? m.kv_heads > 0 : m.heads % m.kv_heads != 0)
        throw bad_input(where + ".kv_heads is " + std::to_string(m.kv_heads) +
                        ", expected a divisor of heads");
    return m;
}

// The model's, or those of all rows of "kernels".
std::vector<KernelSpec> types_of(const json &model, const std::string &where,
                                 const std::vector<KernelSpec> &kernels) {
    std::vector<KernelSpec> types;
    if (model.contains("head_dim")) {
        const int value_dim = count_of(model, "value_dim", kMaxHeadDim, where);
        return {make_kernel(dtypes_in(model, where),
                            whole_number(model["head_dim"], where + ".head_dim"), value_dim,
                            std::nullopt, where)};
    }
    for (const char *key : {"dtype", "kv_dtype", "arithmetic", "value_dim"})
        if (model.contains(key)) throw bad_input(where + " has " + key + " and no head_dim");
    for (const KernelSpec &k : kernels)
        add_kernel(types, {k.dtypes, k.head_dim, k.value_dim, std::nullopt});
    return types;
}

// "0-3,8"
class LayerText {
public:
    LayerText(const std::string &text, const std::string &where) : text_(text), where_(where) {}

    std::vector<int> layers() {
        std::vector<int> all;
        do {
            const int first = number(), last = take('-') ? number() : first;
            if (last < first) fail();
            for (int layer = first; layer <= last; layer++) all.push_back(layer);
        } while (take(','));
        if (at_ != text_.size()) fail();
        return all;
    }

private:
    [[noreturn]] void fail() const {
        throw bad_input(where_ + " is '" + text_ + "', expected layers from 0 to " +
                        std::to_string(kMostLayers - 1) + ", such as 0-3,8");
    }
    bool take(char c) {
        if (at_ == text_.size() || text_[at_] != c) return false;
        at_++;
        return true;
    }
    int number() {
        int value = 0;
        const size_t first = at_;
        for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; at_++) {
            value = value * 10 + (text_[at_] - '0');
            if (value >= kMostLayers) fail();
        }
        if (at_ == first) fail();
        return value;
    }

    const std::string &text_, &where_;
    size_t at_ = 0;
};

struct Row {
    std::string where;
    lac_pattern pattern;
};

lac_pattern layer_pattern(const json &row, const std::string &where, const Model &model) {
    const std::string place = where + ".pattern";
    const lac_pattern pattern = pattern_of(row["pattern"], place);
    try {
        if (model.heads > 0) head_ranges(pattern, model.heads, "the model");
    } catch (const Failure &failure) {
        throw bad_input(place + " " + failure.what());
    }
    return pattern;
}

void add_row(const json &row, const std::string &where, const Model &model,
             std::map<int, Row> &rows) {
    check_members(row, where, {"layers", "pattern"});
    for (const char *key : {"layers", "pattern"})
        if (!row.contains(key)) throw bad_input(where + " has no " + key);
    const std::string place = where + ".layers", text = text_of(row["layers"], place);
    const lac_pattern pattern = layer_pattern(row, where, model);
    for (const int layer : LayerText(text, place).layers()) {
        const std::string what = place + ": layer " + std::to_string(layer);
        if (model.layers > 0 && layer >= model.layers)
            throw bad_input(what + " is none of the model's " + std::to_string(model.layers));
        const auto [earlier, fresh] = rows.insert({layer, {where, pattern}});
        if (!fresh)
            throw bad_input(what + " is listed twice, first in " +
                            earlier->second.where.substr(earlier->second.where.rfind("layers[")));
    }
}

}  // namespace

void read_layers(const json &spec, const std::string &name, Spec &out) {
    const json model = spec.value("model", json::object());
    const std::string where = name + ": model";
    out.model = model_of(model, where);
    out.types = types_of(model, where, out.kernels);
    if (!spec.contains("layers")) return;
    const json &list = spec["layers"];
    if (!list.is_array() || list.empty())
        throw bad_input(name + ": layers is " + list.dump() +
                        ", expected a list of at least one row");
    if (out.types.empty())
        throw bad_input(name +
                        ": layers need a head size: expected model.head_dim or a row of "
                        "\"kernels\"");
    std::map<int, Row> rows;
    int index = 0;
    for (const json &row : list)
        add_row(row, name + ": layers[" + std::to_string(index++) + "]", out.model, rows);
    const int count = out.model.layers > 0 ? out.model.layers : rows.rbegin()->first + 1;
    for (int layer = 0; layer < count; layer++) {
        if (!rows.count(layer))
            throw bad_input(name + ": layers: layer " + std::to_string(layer) + " of " +
                            std::to_string(count) + " is in no row");
        const lac_pattern &pattern = rows.at(layer).pattern;
        out.layers.push_back({pattern, {}});
        for (const KernelSpec &type : out.types) {
            const KernelSpec kernel =
                make_kernel(type.dtypes, type.head_dim, type.value_dim, pattern, name);
            add_kernel(out.kernels, kernel);
            out.layers.back().kernels.push_back(kernel.name());
        }
    }
}

}  // namespace lacuna
