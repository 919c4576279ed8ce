#include "cli/gaussian_process.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace lacuna {

namespace {

// Times of one Tile differ by about 1 %, gains by 5 to 50 %: of the variance this much is noise.
constexpr double kNoise = 0.02;
constexpr double kScales[] = {0.5, 1, 2, 4, 8};  // coordinates are logarithms: 1 is a doubling

}  // namespace

double GaussianProcess::covariance(const Point &a, const Point &b) const {
    double distance = 0;
    for (size_t i = 0; i < a.size(); i++) {
        const double d = (a[i] - b[i]) / scales_[i];
        distance += d * d;
    }
    return std::exp(-distance / 2);
}

double GaussianProcess::factorise() {
    const size_t n = points_.size();
    lower_.assign(n, std::vector<double>(n, 0));
    std::vector<double> solved(n);
    double likelihood = 0, fit = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++) {
            double sum = covariance(points_[i], points_[j]) + (i == j ? kNoise : 0);
            for (size_t k = 0; k < j; k++) sum -= lower_[i][k] * lower_[j][k];
            lower_[i][j] = i == j ? std::sqrt(std::max(sum, 1e-12)) : sum / lower_[j][j];
        }
        double sum = values_[i] - mean_;
        for (size_t k = 0; k < i; k++) sum -= lower_[i][k] * solved[k];
        solved[i] = sum / lower_[i][i];
        fit += solved[i] * solved[i];
        likelihood -= std::log(lower_[i][i]);
    }
    weights_.assign(n, 0);
    for (size_t i = n; i-- > 0;) {
        double sum = solved[i];
        for (size_t k = i + 1; k < n; k++) sum -= lower_[k][i] * weights_[k];
        weights_[i] = sum / lower_[i][i];
    }
    variance_ = std::max(fit / static_cast<double>(n), 1e-8);
    return likelihood - static_cast<double>(n) / 2 * std::log(variance_);
}

void GaussianProcess::fit(std::vector<Point> points, const std::vector<double> &values) {
    points_ = std::move(points);
    values_ = values;
    mean_ = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
    scales_.assign(points_[0].size(), 2);
    double best = factorise();
    for (int sweep = 0; sweep < 2; sweep++)
        for (double &scale : scales_) {
            double chosen = scale;
            for (const double s : kScales) {
                scale = s;
                if (const double likelihood = factorise(); likelihood > best) {
                    best = likelihood;
                    chosen = s;
                }
            }
            scale = chosen;
        }
    factorise();
}

void GaussianProcess::add(const Point &point, double value) {
    points_.push_back(point);
    values_.push_back(value);
    factorise();
}

GaussianProcess::Prediction GaussianProcess::predict(const Point &point) const {
    const size_t n = points_.size();
    double mean = mean_, left = 1;
    std::vector<double> solved(n);
    for (size_t i = 0; i < n; i++) {
        const double c = covariance(point, points_[i]);
        mean += c * weights_[i];
        double sum = c;
        for (size_t k = 0; k < i; k++) sum -= lower_[i][k] * solved[k];
        solved[i] = sum / lower_[i][i];
        left -= solved[i] * solved[i];
    }
    return {mean, std::sqrt(variance_ * std::max(left, 0.0))};
}

}  // namespace lacuna
