// How the parts of a spec are read from JSON. `where` names the file and the place in it.
#pragma once
#include <nlohmann/json.hpp>

#include "cli/spec.h"

namespace lacuna {

// An object, and nothing in it but these.
void check_members(const nlohmann::json &row, const std::string &where,
                   const std::vector<std::string> &known);
int whole_number(const nlohmann::json &value, const std::string &where);
std::string text_of(const nlohmann::json &value, const std::string &where);
// dtype, kv_dtype and arithmetic
Dtypes dtypes_in(const nlohmann::json &row, const std::string &where);
lac_pattern pattern_of(const nlohmann::json &value, const std::string &where);

// Reads "model" and "layers", and adds the kernels that the layers need.
void read_layers(const nlohmann::json &spec, const std::string &name, Spec &out);

}  // namespace lacuna
