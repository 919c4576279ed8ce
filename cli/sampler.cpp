#include "cli/sampler.h"

#include <algorithm>
#include <cmath>

#include "cli/gaussian_process.h"
#include "schedules/tile_text.h"

namespace lacuna {

namespace {

constexpr size_t kFirst = 6;  // Tiles far from each other, before the model has its say
constexpr double kPi = 3.14159265358979323846;

std::vector<double> point_of(const Tile &t) {
    std::vector<double> point;
    for (const int n :
         {t.rows, t.score_rows, t.value_rows, t.score_unroll, t.value_unroll, t.score_panels})
        point.push_back(std::log2(n));
    const double planes = static_cast<double>(t.value_planes) / t.plane_parts;
    point.push_back(std::log2(planes));
    point.push_back(t.streams ? 2 : 0);
    // The register blocks.
    point.push_back(std::log2(t.score_rows * t.score_panels));
    point.push_back(std::log2(t.value_rows * planes));
    return point;
}

double distance(const std::vector<double> &a, const std::vector<double> &b) {
    double sum = 0;
    for (size_t i = 0; i < a.size(); i++) sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
}

double expected_improvement(const GaussianProcess::Prediction &p, double best) {
    if (p.deviation <= 0) return 0;
    const double z = (best - p.mean) / p.deviation;
    const double below = std::erfc(-z / std::sqrt(2.0)) / 2;
    return (best - p.mean) * below + p.deviation * std::exp(-z * z / 2) / std::sqrt(2 * kPi);
}

}  // namespace

void Sampler::add(const Tile &tile, double time) {
    known_[tile_text(tile)] = true;
    seen_.push_back({point_of(tile), std::log(time), false});
}

void Sampler::add_failed(const Tile &tile) {
    known_[tile_text(tile)] = true;
    seen_.push_back({point_of(tile), 0, true});
}

std::vector<Tile> Sampler::open() const {
    std::vector<Tile> tiles;
    for (const Tile &t : space_)
        if (!known_.count(tile_text(t))) tiles.push_back(t);
    return tiles;
}

size_t Sampler::untried() const { return open().size(); }

// Of a few at random the one farthest from all that is known.
Tile Sampler::farthest(const std::vector<Tile> &open) {
    constexpr int kDrawn = 32;
    std::uniform_int_distribution<size_t> any(0, open.size() - 1);
    Tile best = open[any(random_)];
    double best_distance = -1;
    for (int i = 0; i < kDrawn; i++) {
        const Tile &tile = open[any(random_)];
        double nearest = 1e9;
        for (const Observation &o : seen_)
            nearest = std::min(nearest, distance(o.at, point_of(tile)));
        if (nearest <= best_distance) continue;
        best = tile;
        best_distance = nearest;
    }
    return best;
}

std::vector<Tile> Sampler::next(int count) {
    std::vector<Tile> left = open(), chosen;
    double slowest = 0, fastest = 1e9;
    for (const Observation &o : seen_) {
        if (o.failed) continue;
        slowest = std::max(slowest, o.log_time);
        fastest = std::min(fastest, o.log_time);
    }
    GaussianProcess model;
    const bool modelled = seen_.size() >= kFirst;
    if (modelled) {
        std::vector<Point> points;
        std::vector<double> times;
        for (const Observation &o : seen_) {
            points.push_back(o.at);
            times.push_back(o.failed ? slowest : o.log_time);
        }
        model.fit(points, times);
    }
    while (!left.empty() && chosen.size() < static_cast<size_t>(count)) {
        Tile tile = modelled ? left.front() : farthest(left);
        double best = -1;
        for (size_t i = 0; modelled && i < left.size(); i++) {
            const double gain = expected_improvement(model.predict(point_of(left[i])), fastest);
            if (gain <= best) continue;
            best = gain;
            tile = left[i];
        }
        // The next of this batch is chosen as if this one came out as expected.
        if (modelled) model.add(point_of(tile), model.predict(point_of(tile)).mean);
        known_[tile_text(tile)] = true;
        left.erase(std::find(left.begin(), left.end(), tile));
        chosen.push_back(tile);
    }
    return chosen;
}

}  // namespace lacuna
