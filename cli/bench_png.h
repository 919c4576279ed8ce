// A benchmark's charts as a picture.
#pragma once
#include <string>

#include "cli/bench_charts.h"

namespace lacuna {

// PNG, light, one chart below the other. rsvg-convert of librsvg draws it; without that a Failure
// says what to install.
void check_png_program();
std::string png_report(const BenchCharts &charts);

}  // namespace lacuna
