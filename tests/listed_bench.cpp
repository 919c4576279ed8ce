// How near gather and pairs come to the multiply-add units' peak: 256 keys a tile, listed at random
// out of 4,096, one thread, each call another list. Not a test: numbers to read.
//
// Rows of K and V lie at a chosen distance from a cache line: vectors that cross lines cost pairs
// more, and the allocator would choose anew for every tier. The peak is the best of many probes: a
// slow one makes every ratio look better.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <random>
#include <vector>

#include "bench/peak.h"
#include "cli/elements.h"
#include "runtime/bundle.h"

extern "C" const lac_bundle lac_kernels;

namespace lacuna {
namespace {

constexpr int kTokens = 4096, kKeys = 256, kLists = 512;

// Random numbers that begin so many bytes behind the start of a cache line.
class Numbers {
public:
    Numbers(size_t count, unsigned seed, int offset, lac_type type = LAC_F32) : type_(type) {
        std::mt19937 random(seed);
        std::normal_distribution<float> normal;
        std::vector<float> numbers(count);
        for (float &x : numbers) x = normal(random);
        const Stored elements = stored_rows(numbers, type, numbers.size());
        memory_.resize(elements.size() + 128);
        const size_t past = reinterpret_cast<uintptr_t>(memory_.data()) % 64;
        first_ = memory_.data() + 64 - past + offset;
        std::copy(elements.begin(), elements.end(), first_);
    }
    Elements elements() const { return {first_, type_}; }
    float *data() const { return reinterpret_cast<float *>(first_); }  // of LAC_F32

private:
    lac_type type_;
    Stored memory_;
    uint8_t *first_;
};

// One head's tensors, and lists of ascending keys.
class Bench {
public:
    Bench(const lac_variant &variant, int offset)
        : v_(variant),
          offset_(offset),
          queries_(size_t(v_.tile_rows) * v_.head_dim, 1, 0),
          keys_(size_t(kTokens) * v_.head_dim, 2, offset, v_.key_type),
          values_(size_t(kTokens) * v_.value_dim, 3, offset, v_.value_type),
          out_(size_t(v_.fold_items) * v_.tile_rows * v_.partial_row, 4, 0),
          words_(size_t(v_.chunk) * v_.tile_rows, ~0u),
          lists_(size_t(kLists) * kKeys),
          zeros_(size_t(v_.tile_rows)),
          positions_(size_t(v_.tile_rows)) {
        std::vector<int32_t> all(kTokens);
        for (int i = 0; i < kTokens; i++) all[size_t(i)] = i;
        std::mt19937 random(4);
        for (int i = 0; i < kLists; i++) {
            const auto list = lists_.begin() + long(i) * kKeys;
            std::sample(all.begin(), all.end(), list, kKeys, random);
        }
    }

    void gather(GatherFn kernel, int rows, int list) {
        const int per_item = v_.chunk * v_.panel_keys;
        for (int first = 0; first < kKeys; first += per_item) {
            const int slots = std::min(kKeys - first, per_item) / v_.panel_keys;
            View<3> queries(queries_.data(), Dim{v_.head_dim, 1}, Dim{rows, v_.head_dim},
                            Dim{1, rows * v_.head_dim});
            View<2> keys(keys_.elements(), Dim{v_.head_dim, 1}, Dim{kTokens, v_.head_dim});
            View<2> values(values_.elements(), Dim{v_.value_dim, 1}, Dim{kTokens, v_.value_dim});
            View<1> scales(scales_.data(), Dim{kTokens, 1});
            View<3> tokens(&lists_[size_t(list) * kKeys + first], Dim{v_.panel_keys, 1},
                           Dim{slots, v_.panel_keys}, Dim{1, per_item});
            View<1> tiles(&zero_, Dim{1, 1});
            View<2> edges(&zero_, Dim{0, 1}, Dim{1, v_.chunk});
            View<3> words(words_.data(), Dim{rows, 1}, Dim{0, v_.tile_rows},
                          Dim{1, v_.chunk * v_.tile_rows});
            View<3> out(out_.data(), Dim{v_.partial_row, 1}, Dim{rows, v_.partial_row},
                        Dim{1, v_.tile_rows * v_.partial_row});
            View<1> slopes(zeros_.data(), Dim{rows, 1});
            View<2> positions(positions_.data(), Dim{rows, 1}, Dim{1, 0});
            kernel(&queries, &keys, &scales, &values, &scales, &tokens, &tiles, &edges, slots, 0, 0,
                   false, true, &slopes, &positions, &words, &out);
        }
    }

    void pairs(int list) {
        const int32_t start[] = {0, kKeys};
        View<2> queries(queries_.data(), Dim{v_.head_dim, 1}, Dim{v_.tile_rows, v_.head_dim});
        View<2> keys(keys_.elements(), Dim{v_.head_dim, 1}, Dim{kTokens, v_.head_dim});
        View<2> values(values_.elements(), Dim{v_.value_dim, 1}, Dim{kTokens, v_.value_dim});
        View<1> starts(start, Dim{2, 1});
        View<1> tokens(&lists_[size_t(list) * kKeys], Dim{kKeys, 1});
        View<2> out(out_.data(), Dim{v_.partial_row, 1}, Dim{1, v_.partial_row});
        View<1> scales(scales_.data(), Dim{kTokens, 1});
        View<1> slopes(zeros_.data(), Dim{v_.tile_rows, 1});
        View<1> positions(positions_.data(), Dim{v_.tile_rows, 1});
        v_.pairs(&queries, &keys, &scales, &values, &scales, &starts, &tokens, kKeys, 0, true,
                 &slopes, &positions, &out);
    }

    // GFLOP/s of the best of some rounds over all lists.
    template <class Call>
    double rate(int rows, Call call) {
        double best = 1e9;
        for (int round = 0; round < 12; round++) {
            const auto start = std::chrono::steady_clock::now();
            for (int list = 0; list < kLists; list++) call(list);
            const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
            best = std::min(best, took.count());
        }
        const double flops = 2.0 * (v_.head_dim + v_.value_dim) * kKeys * rows * kLists;
        return flops / best / 1e9;
    }

    void run(const char *name, double peak) {
        const int rows = v_.tile_rows;
        const double tile = rate(rows, [&](int i) { gather(v_.gather, rows, i); });
        const double flat = rate(1, [&](int i) { pairs(i); });
        printf("%-26s %-11s line+%-2d gather %.3f  pairs %.3f  of %.1f GFLOP/s\n", name, v_.tier,
               offset_, tile / peak, flat / peak, peak);
    }

private:
    const lac_variant &v_;
    int offset_;
    Numbers queries_, keys_, values_, out_;
    std::vector<uint32_t> words_;
    std::vector<int32_t> lists_;
    std::vector<float> scales_ = std::vector<float>(kTokens, 1.0f);
    std::vector<float> zeros_;
    std::vector<int32_t> positions_;
    int32_t zero_ = 0;
};

}  // namespace
}  // namespace lacuna

int main() {
    for (int i = 0; i < lac_kernels.kernel_count; i++) {
        const lac_kernel_entry &kernel = lac_kernels.kernels[i];
        for (int t = 0; t < kernel.variant_count; t++) {
            const lac_variant &v = kernel.variants[t];
            double peak = 0;
            for (int probe = 0; v.gather && probe < 8; probe++)
                peak = std::max(peak, lacuna::fma_peak_gflops(v.tier, 1));
            if (peak == 0) continue;
            for (const int offset : {0, 16}) lacuna::Bench(v, offset).run(kernel.name, peak);
        }
    }
}
