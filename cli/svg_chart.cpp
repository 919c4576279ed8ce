#include "cli/svg_chart.h"

#include <algorithm>
#include <cmath>

#include "cli/format.h"

namespace lacuna {

namespace {

constexpr double kWidth = kChartWidth, kHeight = kChartHeight, kLeft = 70, kRight = 20, kTop = 40,
                 kBottom = 50;

// A range of whole powers of `base` around all values.
struct Axis {
    double low, high;  // exponents
    double base;
    double place(double value) const {
        return (std::log(value) / std::log(base) - low) / (high - low);
    }
};

Axis axis_of(const Chart &chart, double ChartPoint::*of, double base) {
    double low = HUGE_VAL, high = -HUGE_VAL;
    for (const Series &s : chart.series) {
        for (const ChartPoint &p : s.points) {
            low = std::min(low, std::log(p.*of) / std::log(base));
            high = std::max(high, std::log(p.*of) / std::log(base));
        }
    }
    Axis axis{std::floor(low), std::ceil(high), base};
    if (axis.high <= axis.low) axis.high = axis.low + 1;
    return axis;
}

struct Frame {
    Axis x, y;
    double across(double value) const { return kLeft + x.place(value) * (kWidth - kLeft - kRight); }
    double down(double value) const {
        return kHeight - kBottom - y.place(value) * (kHeight - kTop - kBottom);
    }
};

std::string grid(const Frame &f) {
    std::string text;
    for (double e = f.x.low; e <= f.x.high; e++) {
        const double value = std::pow(f.x.base, e), at = f.across(value);
        text += format(
            "<path d=\"M%.1f %.1fV%.1f\" stroke=\"var(--line)\"/>"
            "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%.6g</text>\n",
            at, kTop, kHeight - kBottom, at, kHeight - kBottom + 16, value);
    }
    for (double e = f.y.low; e <= f.y.high; e++) {
        const double value = std::pow(f.y.base, e), at = f.down(value);
        text += format(
            "<path d=\"M%.1f %.1fH%.1f\" stroke=\"var(--line)\"/>"
            "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%.6g</text>\n",
            kLeft, at, kWidth - kRight, kLeft - 6, at + 4, value);
    }
    return text;
}

std::string drawn(const Series &s, const Frame &f) {
    std::string text, path;
    for (const ChartPoint &p : s.points) {
        const double x = f.across(p.x), y = f.down(p.y);
        path += format("%s%.1f %.1f", path.empty() ? "M" : "L", x, y);
        if (!s.line)
            text +=
                format(R"(<circle cx="%.1f" cy="%.1f" r="4" fill="%s"/>)", x, y, s.colour.c_str());
    }
    if (s.line)
        text +=
            "<path d=\"" + path + R"(" fill="none" stroke-width="2" stroke=")" + s.colour + "\"/>";
    return text + "\n";
}

}  // namespace

std::string escaped(const std::string &text) {
    std::string safe;
    for (const char c : text) {
        if (c == '<')
            safe += "&lt;";
        else if (c == '>')
            safe += "&gt;";
        else if (c == '&')
            safe += "&amp;";
        else
            safe += c;
    }
    return safe;
}

std::string svg(const Chart &chart) {
    const Frame f{axis_of(chart, &ChartPoint::x, 2), axis_of(chart, &ChartPoint::y, 10)};
    std::string text =
        format("<svg viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" height=\"%.0f\" role=\"img\">\n",
               kWidth, kHeight, kWidth, kHeight) +
        "<title>" + escaped(chart.title) + "</title>\n" + grid(f);
    double at = kLeft;
    for (const Series &s : chart.series) {
        text += drawn(s, f);
        text += format(R"(<rect x="%.0f" y="26" width="10" height="4" fill="%s"/>)", at,
                       s.colour.c_str()) +
                format(R"(<text x="%.0f" y="32">)", at + 14) + escaped(s.name) + "</text>\n";
        at += 40 + 7 * static_cast<double>(s.name.size());
    }
    if (chart.mark) {
        text += format(
            "<path d=\"M%.1f %.1fV%.1f\" stroke=\"var(--c)\" stroke-dasharray=\"4 4\"/>"
            "<text x=\"%.1f\" y=\"%.1f\">faster from %.0f on</text>\n",
            f.across(*chart.mark), kTop, kHeight - kBottom, f.across(*chart.mark) + 4, kTop + 12,
            *chart.mark);
    }
    return text +
           format(R"(<text x="%.0f" y="14">%s</text>)", kLeft, escaped(chart.title).c_str()) +
           format(R"(<text x="%.0f" y="%.0f" text-anchor="end">%s</text>)", kWidth - kRight,
                  kHeight - 12, chart.x_title.c_str()) +
           format("<text x=\"8\" y=\"14\">%s</text></svg>\n", chart.y_title.c_str());
}

}  // namespace lacuna
