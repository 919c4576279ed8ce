// The check of a candidate runs the function that is tuned: without it, it finds a disagreement.
#include "cli/duel.h"

#include <gtest/gtest.h>

#include "cli/host_bundle.h"
#include "cli/pattern_option.h"
#include "runtime/bundle.h"

namespace lacuna {
namespace {

TuneJob job_for(const char *pattern, bool decode) {
    const Tier *tier = find_tier(*find_platform("host"), "sse41");
    const lac_pattern parsed = parse_pattern_option(pattern);
    const int queries = decode ? 1 : 300;
    const ProblemSize size{1, 8, 2, queries, 300, 16, 16, 300 - queries, {}};
    ::setenv("LACUNA_TIER", tier->name, 1);
    return {parsed,
            make_kernel({}, 16, 16, parsed, "test"),
            size,
            1,
            decode,
            tier,
            {tier->tile, tier->few}};
}

int nothing() { return 0; }

// The job's own kernel, its tuned function replaced by one that computes nothing.
std::string disagreement_without(const TuneJob &job) {
    lac_bundle bundle = *load_bundle(job.request(job.start()));
    EXPECT_EQ(disagreement(job, bundle), "");
    lac_kernel_entry kernel = bundle.kernels[0];
    lac_variant variant = kernel.variants[0];
    void *const empty = reinterpret_cast<void *>(nothing);
    if (job.decode) {
        variant.partial_pattern_few = reinterpret_cast<PartialPatternFn>(empty);
        variant.partial_words_few = reinterpret_cast<PartialWordsFn>(empty);
    } else {
        variant.partial_pattern = reinterpret_cast<PartialPatternFn>(empty);
        variant.partial_words = reinterpret_cast<PartialWordsFn>(empty);
    }
    kernel.variants = &variant;
    bundle.kernels = &kernel;
    return disagreement(job, bundle);
}

TEST(Duel, ChecksTheTileOfPrefill) {
    EXPECT_NE(disagreement_without(job_for("window:64", false)), "");
}

TEST(Duel, ChecksTheRowsOfAStep) {
    EXPECT_NE(disagreement_without(job_for("window:64", true)), "");
}

TEST(Duel, ChecksPatternsOfHeads) {
    EXPECT_NE(disagreement_without(job_for("heads(0-3=window:64|4-7=dense)", false)), "");
}

}  // namespace
}  // namespace lacuna
