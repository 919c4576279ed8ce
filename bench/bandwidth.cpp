#include "bench/bandwidth.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

namespace lacuna {

namespace {

constexpr int kPasses = 4;
constexpr size_t kStep = 32;  // words of a step: eight 32-byte loads, in independent sums
volatile uint64_t sink;       // keeps the sums alive

#if defined(__x86_64__)
#define LAC_WIDEST __attribute__((target_clones("avx2", "default")))
#else
#define LAC_WIDEST
#endif

LAC_WIDEST uint64_t sum(const uint64_t *words, size_t count) {
    uint64_t sums[kStep] = {};
    for (size_t i = 0; i + kStep <= count; i += kStep)
        for (size_t j = 0; j < kStep; j++) sums[j] += words[i + j];
    uint64_t total = 0;
    for (const uint64_t s : sums) total += s;
    return total;
}

}  // namespace

double read_gbps(size_t bytes, int threads) {
    const size_t share = std::max<size_t>(bytes / sizeof(uint64_t) / threads, kStep);
    const std::vector<uint64_t> buffer(share * threads, 1);
    // Small buffers are read many times, so that starting the clock costs nothing.
    const size_t repeats = std::max<size_t>(1, (size_t{8} << 20) / (share * sizeof(uint64_t)));
    double best = 0;
    for (int pass = 0; pass < kPasses; pass++) {
        std::atomic<int> ready{0};
        const auto read = [&](int thread) {
            ready++;
            while (ready < threads) std::this_thread::yield();
            uint64_t total = 0;
            for (size_t i = 0; i < repeats; i++)
                total += sum(buffer.data() + thread * share, share);
            sink = total;
        };
        std::vector<std::thread> others;
        for (int i = 1; i < threads; i++) others.emplace_back(read, i);
        while (ready < threads - 1) std::this_thread::yield();
        const auto start = std::chrono::steady_clock::now();
        read(0);
        for (std::thread &other : others) other.join();
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
        const auto read_bytes = static_cast<double>(share * sizeof(uint64_t) * repeats * threads);
        best = std::max(best, read_bytes / seconds.count() / 1e9);
    }
    return best;
}

}  // namespace lacuna
