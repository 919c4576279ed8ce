// lacuna list layers: what a spec's layers cost.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace lacuna {

// {"model", "layers", "total"}; pairs and costs are null where lists come at run time, and left
// out of the total. A Failure when the spec has no layers, or lacks what they are counted from.
nlohmann::ordered_json layers_json(const std::string &spec_path);
std::string layers_text(const nlohmann::ordered_json &json);

}  // namespace lacuna
