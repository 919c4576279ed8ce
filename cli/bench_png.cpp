#include "cli/bench_png.h"

#include "cli/errors.h"
#include "cli/files.h"
#include "cli/format.h"
#include "cli/process.h"
#include "cli/scratch.h"

namespace lacuna {

namespace {

// librsvg knows no variables.
std::string coloured(std::string svg) {
    const struct {
        const char *variable, *colour;
    } colours[] = {{"var(--line)", "#d0d7de"},
                   {"var(--a)", "#0969da"},
                   {"var(--b)", "#bc4c00"},
                   {"var(--c)", "#57606a"}};
    for (const auto &c : colours) {
        const size_t length = std::string(c.variable).size();
        for (size_t at = svg.find(c.variable); at != std::string::npos;
             at = svg.find(c.variable, at))
            svg.replace(at, length, c.colour);
    }
    return svg;
}

std::string stacked(const BenchCharts &charts) {
    std::vector<Chart> all = charts.over_length;
    if (charts.roofline) all.insert(all.begin(), *charts.roofline);
    std::string text;
    double down = 0;
    for (const Chart &chart : all) {
        text += format("<g transform=\"translate(0 %.0f)\">\n", down) + svg(chart) + "</g>\n";
        down += kChartHeight;
    }
    return format("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\">\n",
                  kChartWidth, down) +
           "<style>text{fill:#1b1f24;font:12px sans-serif}</style>\n"
           "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n" +
           coloured(text) + "</svg>\n";
}

}  // namespace

void check_png_program() {
    if (run_process({"rsvg-convert", "--version"}).exit_code == 127)
        throw bad_input("--png: found no rsvg-convert in PATH; install librsvg2-bin");
}

std::string png_report(const BenchCharts &charts) {
    if (!charts.roofline && charts.over_length.empty())
        throw usage("--png: nothing to draw: no peak was measured, and no pattern at two lengths");
    const Scratch scratch("png");
    const std::string from = scratch.at("charts.svg"), to = scratch.at("charts.png");
    write_file(from, stacked(charts));
    const Finished drawn = run_process({"rsvg-convert", "--zoom=2", "--output=" + to, from});
    if (drawn.exit_code != 0) throw Failure(kInternal, "rsvg-convert: " + drawn.output);
    return read_file(to);
}

}  // namespace lacuna
