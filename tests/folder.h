// A test with a folder of its own, and what a failure says.
#pragma once
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>

#include "cli/errors.h"

namespace lacuna {

class Folder : public testing::Test {
protected:
    void SetUp() override {
        std::string name = testing::TempDir() + "/lacuna_XXXXXX";
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        folder = name;
    }
    void TearDown() override { std::filesystem::remove_all(folder); }

    std::string at(const std::string &name) const { return folder / name; }

    // Names in the folder, hidden ones too.
    std::set<std::string> names() const {
        std::set<std::string> all;
        for (const auto &entry : std::filesystem::directory_iterator(folder))
            all.insert(entry.path().filename());
        return all;
    }

    std::filesystem::path folder;
};

// What the call says against its input, or "" when it succeeds.
template <class Call>
std::string refusal_of(const Call &call) {
    try {
        call();
    } catch (const Failure &failure) {
        EXPECT_EQ(failure.exit_code, kBadInput);
        return failure.what();
    }
    return "";
}

}  // namespace lacuna
