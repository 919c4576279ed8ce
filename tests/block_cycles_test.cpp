// Cycles of blocks of arm-64's code: what is read of the plugin's output, which blocks are joined,
// and whether llvm-mca sees in them what a CPU would.
#include "cli/block_cycles.h"

#include <gtest/gtest.h>

namespace lacuna {
namespace {

constexpr uint32_t kNop = 0xd503201f, kRet = 0xd65f03c0;
constexpr uint32_t kBack = 0x54ffffe1;  // b.ne to the instruction before
// fmla v(n).4s, v16.4s, v17.4s
constexpr uint32_t fmla(uint32_t n) { return 0x4e31ce00 | n; }

TEST(BlockCycles, ReadsWhatThePluginPrints) {
    const auto calls = counted_calls(
        "call lac neon\nblock 4000f0 3 1f2003d5c0035fd6\nblock 400200 1 1f2003d5\n"
        "instructions 7\nan emulator warns\nblock 400200 2 1f2003d5\ninstructions 2\n");
    ASSERT_EQ(calls.size(), 2u);
    EXPECT_EQ(calls[0].instructions, 7);
    ASSERT_EQ(calls[0].blocks.size(), 2u);
    EXPECT_EQ(calls[0].blocks[0].address, 0x4000f0u);
    EXPECT_EQ(calls[0].blocks[0].runs, 3u);
    EXPECT_EQ(calls[0].blocks[0].code, (std::vector<uint32_t>{kNop, kRet}));
    ASSERT_EQ(calls[1].blocks.size(), 1u);
    EXPECT_EQ(calls[1].instructions, 2);
}

TEST(BlockCycles, JoinsWhatAPageHasCut) {
    // The block at 0x1000 is entered from the one before, and once from elsewhere.
    const auto blocks = joined({{0x1000, 11, {kNop, kRet}}, {0xff8, 10, {kNop, fmla(0)}}});
    ASSERT_EQ(blocks.size(), 2u);
    EXPECT_EQ(blocks[0].address, 0xff8u);
    EXPECT_EQ(blocks[0].runs, 10u);
    EXPECT_EQ(blocks[0].code, (std::vector<uint32_t>{kNop, fmla(0), kNop, kRet}));
    EXPECT_EQ(blocks[1].runs, 1u);
    EXPECT_EQ(blocks[1].code, (std::vector<uint32_t>{kNop, kRet}));
}

TEST(BlockCycles, JoinsNothingBehindABranch) {
    const auto blocks = joined({{0x1000, 10, {kNop, kRet}}, {0xff8, 10, {kNop, kBack}}});
    ASSERT_EQ(blocks.size(), 2u);
    EXPECT_EQ(blocks[0].code, (std::vector<uint32_t>{kNop, kBack}));
}

CountedCall loop(uint64_t runs, std::vector<uint32_t> code) {
    code.push_back(kBack);
    return {static_cast<int64_t>(runs * code.size()), {{0x1000, runs, code}}};
}

// Either core starts two multiply-adds a cycle and has a sum after four, or two when it only adds
// to it: chains take longer, and one in order waits for each.
TEST(BlockCycles, SeesChainsAndWidth) {
    std::vector<uint32_t> chain(8, fmla(0)), wide;
    for (uint32_t n = 0; n < 8; n++) wide.push_back(fmla(n));
    for (const char *cpu : kModelledCpus) {
        const auto cycles = cycles_of({loop(1000, chain), loop(1000, wide)}, cpu);
        ASSERT_EQ(cycles.size(), 2u);
        EXPECT_GE(cycles[0], 8 * 2 * 1000) << cpu;
        EXPECT_GE(cycles[1], 4 * 1000) << cpu;
        EXPECT_LE(cycles[1], 9 * 1000) << cpu;
    }
}

// What hardly runs is not simulated, and has the pace of the rest.
TEST(BlockCycles, ScalesToAllInstructions) {
    CountedCall call = loop(1000, {fmla(0), fmla(1), fmla(2), fmla(3)});
    const int64_t alone = cycles_of({call}, "neoverse-n1")[0];
    call.blocks.push_back({0x2000, 1, {kNop, kRet}});
    call.instructions += 500;
    const int64_t more = cycles_of({call}, "neoverse-n1")[0];
    EXPECT_NEAR(static_cast<double>(more) / static_cast<double>(alone), 1.1, 0.01);
}

}  // namespace
}  // namespace lacuna
