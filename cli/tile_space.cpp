#include "cli/tile_space.h"

#include <algorithm>

#include "schedules/tile_text.h"

namespace lacuna {

namespace {

std::vector<int> divisors(int n) {
    std::vector<int> all;
    for (int d = 1; d <= n; d++)
        if (n % d == 0) all.push_back(d);
    return all;
}

std::vector<int> powers_that_divide(int n) {
    std::vector<int> all;
    for (const int p : {1, 2, 4, 8, 16})
        if (n % p == 0) all.push_back(p);
    return all;
}

std::vector<int> rows_of(const SpaceRequest &r) {
    if (r.halves) return {r.start.rows};
    if (r.few) {
        std::vector<int> rows;
        for (const int n : {1, 2, 3, 4, 6, 8})
            if (n <= r.most_rows) rows.push_back(n);
        return rows;
    }
    std::vector<int> rows;
    for (int n = 4; n <= most_rows(r.format); n += 2) rows.push_back(n);
    return rows;
}

// A register block leaves a register for what is loaded.
bool holds(const SpaceRequest &r, int vectors) { return vectors < r.registers; }

std::vector<int> parts_of_plane(const SpaceRequest &r, int planes) {
    if (planes > 1 || r.halves) return {1};
    return powers_that_divide(r.format.plane / r.format.lanes);
}

void add_value_blocks(const SpaceRequest &r, Tile tile, std::vector<Tile> &space) {
    const int vectors = r.format.plane / r.format.lanes;
    const int planes = padded_features(r.value_dim, r.format) / r.format.plane;
    tile.streams = false;
    for (const int p : powers_that_divide(planes)) {
        for (const int u : powers_that_divide(r.format.panel_keys)) {
            tile.value_planes = p;
            tile.value_unroll = u;
            for (const int parts : parts_of_plane(r, p)) {
                tile.plane_parts = parts;
                const int sums = tile.value_rows * p * vectors / parts;
                // Beyond this the loop's body no longer fits the decoder's caches.
                if (holds(r, sums) && sums * u <= 128) space.push_back(tile);
            }
        }
    }
    if (r.halves) return;
    tile.plane_parts = 1;
    // Streams read no other number of P·V: one Tile stands for all.
    tile.streams = true;
    tile.value_unroll = r.start.streams ? r.start.value_unroll : 1;
    tile.value_planes = r.start.streams ? r.start.value_planes : 1;
    if (holds(r, tile.value_rows * vectors)) space.push_back(tile);
}

void add_unrolls(const SpaceRequest &r, Tile tile, std::vector<Tile> &space) {
    const int vectors = tile.score_rows * tile.score_panels * r.format.panel_keys / r.format.lanes;
    if (!holds(r, vectors)) return;
    for (const int unroll : powers_that_divide(r.head_dim)) {
        tile.score_unroll = unroll;
        if (vectors * unroll <= 128) add_value_blocks(r, tile, space);
    }
}

}  // namespace

std::vector<Tile> tile_space(const SpaceRequest &r) {
    std::vector<Tile> space;
    for (const int rows : rows_of(r)) {
        for (const int score_rows : divisors(rows)) {
            for (const int value_rows : divisors(rows))
                for (const int panels : {1, 2, 4, 5})  // items hold 15 or 20, or 31
                    add_unrolls(r, {rows, score_rows, value_rows, 1, 1, 1, panels}, space);
        }
    }
    if (std::find(space.begin(), space.end(), r.start) == space.end()) space.push_back(r.start);
    return space;
}

}  // namespace lacuna
