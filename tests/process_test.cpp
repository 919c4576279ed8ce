// Child processes with limits: each ends for itself.
#include "cli/process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "cli/errors.h"

namespace lacuna {
namespace {

constexpr Limits kLoose{30, size_t{4} << 30};

bool never() { return false; }

TEST(RunEach, OneThatFailsLeavesTheOthersAlone) {
    const auto finished = run_each({{"fails", [] { throw Failure(kFinding, "wrong"); }},
                                    {"says", [] { std::printf("heard"); }},
                                    {"dies", [] { ::raise(SIGKILL); }}},
                                   2, kLoose, never);
    ASSERT_EQ(finished.size(), 3U);
    EXPECT_EQ(finished[0].exit_code, kFinding);
    EXPECT_EQ(finished[0].output, "wrong");
    EXPECT_EQ(finished[1].exit_code, 0);
    EXPECT_EQ(finished[1].output, "heard");
    EXPECT_EQ(finished[2].exit_code, 128 + SIGKILL);
}

TEST(RunEach, EndsWhatTakesTooLong) {
    const auto start = std::chrono::steady_clock::now();
    const auto finished =
        run_each({{"slow", [] { ::sleep(20); }}, {"fast", [] {}}}, 2, {0.3, kLoose.bytes}, never);
    EXPECT_EQ(finished[0].exit_code, kTimedOut);
    EXPECT_EQ(finished[1].exit_code, 0);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

#ifndef __SANITIZE_ADDRESS__  // which maps more than any limit
TEST(RunEach, EndsWhatTakesTooMuchMemory) {
    const auto take = [](size_t bytes) {
        return ForkedTask{"takes", [bytes] {
                              volatile char *all = new char[bytes];
                              all[bytes - 1] = 1;
                          }};
    };
    const auto finished =
        run_each({take(size_t{2} << 30), take(1 << 20)}, 2, {30, size_t{1} << 30}, never);
    EXPECT_NE(finished[0].exit_code, 0);
    EXPECT_EQ(finished[1].exit_code, 0);
}
#endif

TEST(RunEach, StopsWhenItIsTold) {
    int asked = 0;
    const auto finished = run_each({{"slow", [] { ::sleep(20); }}, {"next", [] {}}}, 1, kLoose,
                                   [&] { return ++asked > 3; });
    EXPECT_EQ(finished[0].exit_code, kStopped);
    EXPECT_EQ(finished[1].exit_code, kStopped);
}

}  // namespace
}  // namespace lacuna
