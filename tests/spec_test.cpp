// Which kernels a spec asks for.
#include "cli/spec.h"

#include <gtest/gtest.h>

#include "cli/errors.h"

namespace lacuna {
namespace {

std::vector<std::string> names_of(const std::string &rows) {
    std::vector<std::string> names;
    for (const KernelSpec &k : parse_spec("{\"kernels\": [" + rows + "]}", "s.json"))
        names.push_back(k.name());
    return names;
}
using Names = std::vector<std::string>;

TEST(Spec, MultipliesHeadSizes) {
    EXPECT_EQ(names_of(R"({"head_dim": [64, 80]}, {"head_dim": 64, "pattern": "window:8"})"),
              (Names{"lac_attention_f32_d64", "lac_attention_f32_d80",
                     "lac_attention_window_8_f32_d64"}));
}

TEST(Spec, PatternsThatTakeMaskWordsShareTheKernelForAny) {
    const Names any{"lac_attention_f32_d64"};
    EXPECT_EQ(names_of(R"({"head_dim": 64}, {"head_dim": 64, "pattern": "bigbird:8,3,1,1"})"), any);
    EXPECT_EQ(names_of(R"({"head_dim": 64, "pattern": "bigbird:8,3,1,1"}, {"head_dim": 64})"), any);
    EXPECT_EQ(names_of(R"({"head_dim": 64, "pattern": "bigbird:8,3,1,1"},
                          {"head_dim": 64, "pattern": "bigbird:8,3,2,1"})"),
              any);
}

TEST(Spec, RefusesARowListedTwice) {
    for (const char *rows :
         {R"({"head_dim": [64, 64]})", R"({"head_dim": 64}, {"head_dim": 64})",
          R"({"head_dim": 64, "pattern": "window:8"}, {"head_dim": 64, "pattern": "window:08"})",
          R"({"head_dim": 64, "pattern": "bigbird:8,3,1,1"},
             {"head_dim": 64, "pattern": "bigbird:8,3,1,1,0"})"})
        EXPECT_THROW(names_of(rows), Failure) << rows;
}

}  // namespace
}  // namespace lacuna
