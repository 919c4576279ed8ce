// Regression by a Gaussian process with a squared-exponential kernel: a mean and a deviation for
// every point, from noisy values of a few.
#pragma once
#include <vector>

namespace lacuna {

class GaussianProcess {
public:
    using Point = std::vector<double>;
    struct Prediction {
        double mean, deviation;
    };

    // A length scale for every coordinate is chosen by the likelihood of the values.
    void fit(std::vector<Point> points, const std::vector<double> &values);
    // One more value at the length scales that were chosen.
    void add(const Point &point, double value);
    Prediction predict(const Point &point) const;

private:
    double covariance(const Point &a, const Point &b) const;
    double factorise();  // and returns the logarithm of the likelihood

    std::vector<Point> points_;
    std::vector<double> values_, weights_, scales_;
    std::vector<std::vector<double>> lower_;  // Cholesky's factor
    double mean_ = 0, variance_ = 1;
};

}  // namespace lacuna
