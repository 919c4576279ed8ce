#include "bench/peak.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace lacuna {

namespace {

constexpr int kIterations = 1 << 20, kSamples = 3;
// Two units of latency 4 or 5 need 10 independent sums; 12 leave room in 16 registers for the two
// operands.
constexpr int kSums = 12;
volatile float sink;  // keeps the sums alive

using Probe = double (*)();  // returns the operations done

#if defined(__x86_64__)

__attribute__((target("avx512f"), noinline)) double probe_avx512() {
    const __m512 x = _mm512_set1_ps(1.0000001F), y = _mm512_set1_ps(1e-9F);
    __m512 a[kSums];
    for (int i = 0; i < kSums; i++) a[i] = _mm512_set1_ps(static_cast<float>(i));
    for (int t = 0; t < kIterations; t++) {
#pragma GCC unroll 12
        for (__m512 &sum : a) sum = _mm512_fmadd_ps(sum, x, y);
    }
    for (int i = 1; i < kSums; i++) a[0] = _mm512_add_ps(a[0], a[i]);
    sink = _mm512_cvtss_f32(a[0]);
    return 2.0 * 16 * kSums * kIterations;
}

__attribute__((target("avx2,fma"), noinline)) double probe_avx2() {
    const __m256 x = _mm256_set1_ps(1.0000001F), y = _mm256_set1_ps(1e-9F);
    __m256 a[kSums];
    for (int i = 0; i < kSums; i++) a[i] = _mm256_set1_ps(static_cast<float>(i));
    for (int t = 0; t < kIterations; t++) {
#pragma GCC unroll 12
        for (__m256 &sum : a) sum = _mm256_fmadd_ps(sum, x, y);
    }
    for (int i = 1; i < kSums; i++) a[0] = _mm256_add_ps(a[0], a[i]);
    sink = _mm256_cvtss_f32(a[0]);
    return 2.0 * 8 * kSums * kIterations;
}

// This tier has no fused instruction: a multiplication and an addition.
__attribute__((target("sse4.1,no-fma"), noinline)) double probe_sse41() {
    const __m128 x = _mm_set1_ps(1.0000001F), y = _mm_set1_ps(1e-9F);
    __m128 a[kSums];
    for (int i = 0; i < kSums; i++) a[i] = _mm_set1_ps(static_cast<float>(i));
    for (int t = 0; t < kIterations; t++) {
#pragma GCC unroll 12
        for (__m128 &sum : a) sum = _mm_add_ps(_mm_mul_ps(sum, x), y);
    }
    for (int i = 1; i < kSums; i++) a[0] = _mm_add_ps(a[0], a[i]);
    sink = _mm_cvtss_f32(a[0]);
    return 2.0 * 4 * kSums * kIterations;
}

Probe probe_of(const std::string &tier) {
    if (tier.rfind("avx512", 0) == 0) return probe_avx512;
    if (tier == "avx2") return probe_avx2;
    return tier == "sse41" ? probe_sse41 : nullptr;
}

#else

Probe probe_of(const std::string &) { return nullptr; }

#endif

// All threads start together; the clock runs until the last is done.
double sample(Probe probe, int threads) {
    std::atomic<bool> go{false};
    std::atomic<int> waiting{0};
    std::vector<std::thread> others;
    for (int i = 1; i < threads; i++) {
        others.emplace_back([&] {
            waiting++;
            while (!go) std::this_thread::yield();
            probe();
        });
    }
    while (waiting < threads - 1) std::this_thread::yield();
    const auto start = std::chrono::steady_clock::now();
    go = true;
    const double operations = probe() * threads;
    for (std::thread &other : others) other.join();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    return operations / seconds.count() / 1e9;
}

}  // namespace

double fma_peak_gflops(const std::string &tier, int threads) {
    const Probe probe = probe_of(tier);
    double best = 0;
    for (int i = 0; probe && i < kSamples; i++) best = std::max(best, sample(probe, threads));
    return best;
}

}  // namespace lacuna
