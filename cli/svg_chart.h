// A chart with logarithmic axes, as SVG.
#pragma once
#include <optional>
#include <string>
#include <vector>

namespace lacuna {

constexpr double kChartWidth = 640, kChartHeight = 360;  // pixels

struct ChartPoint {
    double x, y;  // above 0
};
struct Series {
    std::string name, colour;
    std::vector<ChartPoint> points;
    bool line;  // else dots
};
struct Chart {
    std::string title, x_title, y_title;
    std::vector<Series> series;
    std::optional<double> mark;  // a vertical line, with its x
};
// Colours are variables of the page: --ink, --line, --a, --b and --c.
std::string svg(const Chart &chart);

// Text as HTML and SVG show it.
std::string escaped(const std::string &text);

}  // namespace lacuna
