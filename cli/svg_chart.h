// A chart with logarithmic axes, as SVG.
#pragma once
#include <optional>
#include <string>
#include <vector>

namespace lacuna {

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
std::string svg(const Chart &chart);

}  // namespace lacuna
