// One measurement of lacuna bench: a pattern at a size, and what it is compared with.
#pragma once
#include "cli/bench_lists.h"
#include "cli/bench_report.h"

namespace lacuna {

struct BenchCase {
    lac_pattern pattern;
    ProblemSize size;
    ListSource lists;
    int32_t threads;
    KeepTest test;
    bool dense;  // measure the dense kernel too
    int rounds;
    double min_seconds;  // of each kernel
};

BenchEntry measure(const BenchCase &wanted);

}  // namespace lacuna
