// One measurement of lacuna bench: a pattern at a size, and what it is compared with.
#pragma once
#include <random>
#include <vector>

#include "cli/bench_lists.h"
#include "cli/bench_report.h"
#include "cli/elements.h"
#include "cli/remote.h"

namespace lacuna {

struct BenchCase {
    lac_pattern pattern;
    ProblemSize size;
    ListSource lists;
    int32_t threads;
    KeepTest test;
    bool dense;  // measure the dense kernel too
    int rounds;
    double min_seconds;   // of each kernel
    bool decode = false;  // a step over caches
    int layers = 1;       // decode: of the model whose tokens are counted
};

// Of mean 0 and variance 1, before and after they are stored.
std::vector<float> normal_floats(int64_t rows, int32_t features, std::mt19937 &generator);
Stored normal_numbers(int64_t rows, int32_t features, lac_type type, std::mt19937 &generator);

BenchEntry measure(const BenchCase &wanted);

// The same of one step, with size.q_tokens queries, over caches of size.k_tokens.
BenchEntry measure_decode(const BenchCase &wanted);

// Either on another machine, whose peaks are not known.
BenchEntry measure_remotely(const Remote &remote, const BenchCase &wanted);

}  // namespace lacuna
