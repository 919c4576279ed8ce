// Which Tile to try next: a Gaussian process over the logarithms of a Tile's numbers says how fast
// the untried ones may be, and the one with the largest expected improvement is tried.
#pragma once
#include <map>
#include <random>
#include <string>
#include <vector>

#include "schedules/tile.h"

namespace lacuna {

class Sampler {
public:
    Sampler(std::vector<Tile> space, unsigned seed) : space_(std::move(space)), random_(seed) {}

    // time: by the starting Tile's. A Tile that may not win counts as slow as the slowest.
    void add(const Tile &tile, double time);
    void add_failed(const Tile &tile);
    // Up to `count` Tiles that are neither tried nor handed out; none when all are.
    std::vector<Tile> next(int count);
    size_t untried() const;
    size_t size() const { return space_.size(); }

private:
    using Point = std::vector<double>;
    struct Observation {
        Point at;
        double log_time;
        bool failed;
    };
    std::vector<Tile> open() const;
    Tile farthest(const std::vector<Tile> &open);

    std::vector<Tile> space_;
    std::mt19937 random_;
    std::map<std::string, bool> known_;  // by text: tried or handed out
    std::vector<Observation> seen_;
};

}  // namespace lacuna
