// Two runs of lacuna bench against each other.
#pragma once
#include <string>
#include <vector>

namespace lacuna {

// The probability that two samples of one distribution differ at least so much in their ranks:
// Mann and Whitney's U, two-sided, by the normal approximation with corrections for ties and
// continuity. From 8 values each on it is within 0.01 of the exact one where that is small.
constexpr size_t kLeastRanked = 8;
double mann_whitney(const std::vector<double> &a, const std::vector<double> &b);

// Prints a line for every entry of both files. A Failure with kFinding when one is slower.
void compare_files(const std::string &before, const std::string &after, bool as_json);

}  // namespace lacuna
