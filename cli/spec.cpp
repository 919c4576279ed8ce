#include "cli/spec.h"

#include <algorithm>
#include <set>

#include "cli/embedded.h"
#include "cli/errors.h"
#include "cli/pattern_option.h"
#include "cli/spec_json.h"
#include "patterns/pattern.h"

namespace lacuna {

using nlohmann::json;

namespace {

// `asked` holds what earlier rows asked for, whichever kernel serves it.
void add_row(const json &row, const std::string &where, std::set<std::string> &asked,
             std::vector<KernelSpec> &kernels) {
    check_members(row, where,
                  {"dtype", "kv_dtype", "arithmetic", "head_dim", "value_dim", "pattern"});
    if (!row.contains("head_dim")) throw bad_input(where + " has no head_dim");
    const json dims = row["head_dim"].is_array() ? row["head_dim"] : json{row["head_dim"]};
    const Dtypes dtypes = dtypes_in(row, where);
    std::optional<lac_pattern> pattern;
    if (row.contains("pattern")) pattern = pattern_of(row["pattern"], where + ".pattern");
    for (const json &d : dims) {
        const int head_dim = whole_number(d, where + ".head_dim");
        const int value_dim =
            row.contains("value_dim") ? whole_number(row["value_dim"], where + ".value_dim") : 0;
        const KernelSpec kernel = make_kernel(dtypes, head_dim, value_dim, pattern, where);
        const std::string what =
            (pattern ? canonical(*pattern) : "any pattern") + ", " + kernel.types();
        if (!asked.insert(what).second) throw bad_input(where + ": " + what + " is listed twice");
        add_kernel(kernels, kernel);
    }
}

}  // namespace

void check_members(const json &row, const std::string &where,
                   const std::vector<std::string> &known) {
    if (!row.is_object()) throw bad_input(where + " is " + row.dump() + ", expected an object");
    std::string expected = known.front();
    for (size_t i = 1; i < known.size(); i++)
        expected += (i + 1 == known.size() ? " or " : ", ") + known[i];
    for (const auto &[key, value] : row.items())
        if (std::find(known.begin(), known.end(), key) == known.end())
            throw bad_input(where + " has '" + key + "', expected " + expected);
}

int whole_number(const json &value, const std::string &where) {
    if (!value.is_number_integer() || value < INT32_MIN || value > INT32_MAX)
        throw bad_input(where + " is " + value.dump() + ", expected a whole number");
    return value.get<int>();
}

std::string text_of(const json &value, const std::string &where) {
    if (!value.is_string()) throw bad_input(where + " is " + value.dump() + ", expected a text");
    return value.get<std::string>();
}

Dtypes dtypes_in(const json &row, const std::string &where) {
    const std::string place = where + ".dtype", kv_place = where + ".kv_dtype";
    const std::string arithmetic_place = where + ".arithmetic";
    const Dtypes dtypes =
        read_dtypes(text_of(row.value("dtype", json("f32")), place),
                    text_of(row.value("kv_dtype", json("")), kv_place), place, kv_place);
    return with_arithmetic(dtypes, text_of(row.value("arithmetic", json("f32")), arithmetic_place),
                           arithmetic_place);
}

lac_pattern pattern_of(const json &value, const std::string &where) {
    try {
        return parse_pattern_option(text_of(value, where), where);
    } catch (const Failure &failure) {
        throw bad_input(failure.what());
    }
}

KernelSpec make_kernel(const Dtypes &dtypes, int head_dim, int value_dim,
                       const std::optional<lac_pattern> &pattern, const std::string &where) {
    if (value_dim == 0) value_dim = head_dim;
    for (const int d : {head_dim, value_dim})
        if (d < 1 || d > kMaxHeadDim)
            throw bad_input(where + ": head size " + std::to_string(d) + ", expected 1 to " +
                            std::to_string(kMaxHeadDim));
    // What cannot be compiled in is served by mask words, at the same speed.
    const bool compiled = pattern && compiles(*pattern) && !dtypes.fixed8();
    return {dtypes, head_dim, value_dim, compiled ? pattern : std::nullopt};
}

void add_kernel(std::vector<KernelSpec> &kernels, const KernelSpec &kernel) {
    for (const KernelSpec &k : kernels)
        if (k.name() == kernel.name()) return;
    kernels.push_back(kernel);
}

std::string KernelSpec::types() const {
    const std::string dims =
        std::to_string(head_dim) + (value_dim == head_dim ? "" : "x" + std::to_string(value_dim));
    return dtypes.name() + "_d" + dims + (dtypes.halves() ? "_af16" : "");
}

std::string KernelSpec::name() const {
    return "lac_attention_" + (pattern ? slug(*pattern) + "_" : "") + types();
}

Spec parse_spec(const std::string &text, const std::string &name) {
    json spec;
    try {
        spec = json::parse(text);
    } catch (const json::parse_error &error) {
        throw bad_input(name + ": " + error.what());
    }
    check_members(spec, name, {"kernels", "layers", "model"});
    Spec result;
    const bool empty = !spec.contains("kernels") || spec["kernels"].empty();
    if (empty ? !spec.contains("layers") : !spec["kernels"].is_array())
        throw bad_input(name + R"(: expected a list "kernels" of at least one row, or "layers")");
    int index = 0;
    std::set<std::string> asked;
    for (const json &row : empty ? json::array() : spec["kernels"])
        add_row(row, name + ": kernels[" + std::to_string(index++) + "]", asked, result.kernels);
    read_layers(spec, name, result);
    return result;
}

const std::vector<KernelSpec> &builtin_spec() {
    static const std::vector<KernelSpec> spec =
        parse_spec(std::string(embedded_file("kernels.json")), "kernels.json").kernels;
    return spec;
}

std::vector<std::string> builtin_kernel_names() {
    std::vector<std::string> names;
    for (const KernelSpec &k : builtin_spec()) names.push_back(k.name());
    return names;
}

}  // namespace lacuna
