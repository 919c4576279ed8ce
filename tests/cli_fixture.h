// Calls of the tool that succeed and print JSON.
#pragma once
#include <nlohmann/json.hpp>

#include "tests/tool.h"

namespace lacuna {

using json = nlohmann::json;

class Cli : public Tool {
protected:
    json parsed(const std::string &arguments, const std::string &tier = "") const {
        const Ended ended = call(arguments, tier);
        EXPECT_EQ(ended.code, 0) << ended.err;
        EXPECT_EQ(ended.err, "");
        return json::parse(ended.out, nullptr, false);
    }
    void put_tensors() const {
        put_tensor("q.npy", {4, 12, 16});
        put_tensor("k.npy", {2, 15, 16});
        put_tensor("v.npy", {2, 15, 16});
    }
};

}  // namespace lacuna
