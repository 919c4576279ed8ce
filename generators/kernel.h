// What the generators share.
#pragma once
#include <stdexcept>
#include <string>

#include "Halide.h"
#include "generators/convert.h"
#include "schedules/targets.h"
#include "schedules/tile_text.h"

namespace lacuna {

template <class Buffer>
void fix(Buffer &b, int dim, int extent, int stride) {
    b.dim(dim).set_bounds(0, extent).set_stride(stride);
}
template <class Buffer>
void start_at_zero(Buffer &b) {
    for (int i = 0; i < b.dimensions(); i++) b.dim(i).set_min(0);
}

// queries(d, row, tile): so many rows side by side.
template <class Buffer>
void fix_queries(Buffer &queries, int rows, int head_dim) {
    fix(queries, 0, head_dim, 1);
    fix(queries, 1, rows, head_dim);
    queries.dim(2).set_min(0);
}
// out(d, row, item): `rows` are written of the tile_rows that an item has room for. Columns past
// the sum are not written: one vector holds max and sum.
template <class Buffer>
void fix_parts(Buffer &out, int rows, int tile_rows, int value_dim, const Format &f) {
    const int row = partial_row(value_dim, f);
    fix(out, 0, padded_features(value_dim, f) + f.lanes, 1);
    fix(out, 1, rows, row);
    out.dim(2).set_min(0).set_stride(row * tile_rows);
}

// What every generator needs to know of its target.
template <class T>
class Kernel : public Halide::Generator<T> {
public:
    Halide::GeneratorParam<std::string> triple{"triple", "host"};
    Halide::GeneratorParam<std::string> tier_name{"tier", "sse41"};
    // Tuned: the function's own tile, and the rows of the kernel's. Empty and 0: the tier's.
    Halide::GeneratorParam<std::string> tuned_tile{"tile", ""};
    Halide::GeneratorParam<int> tuned_rows{"tile_rows", 0};

protected:
    Converter convert() const {
        const Halide::Target &target = this->get_target();
        return Converter(target.has_feature(Halide::Target::F16C) ||
                         target.has_feature(Halide::Target::ARMFp16));
    }
    const Tier &tier() const {
        const Platform *platform = find_platform(triple);
        if (!platform) throw std::invalid_argument("unknown triple " + triple.value());
        const Tier *tier = find_tier(*platform, tier_name);
        if (!tier) throw std::invalid_argument("unknown tier " + tier_name.value());
        return *tier;
    }
    // The tile of so many rows: the tier's (0), its few, or a single one. Fewer rows than the
    // tier's take the places of a tile's first.
    Tile tile_of(int rows) const {
        if (!tuned_tile.value().empty()) {
            Tile tile{};
            if (!parse_tile(tuned_tile.value(), tile))
                throw std::invalid_argument("bad tile " + tuned_tile.value());
            return tile;
        }
        if (rows == 1) return tier().single;
        return rows == tier().few.rows ? tier().few : tier().tile;
    }
    // Of a tile of the kernel, whichever the function's own is: results of any have so many.
    int tile_rows() const { return tuned_rows > 0 ? tuned_rows.value() : tier().tile.rows; }
    Tile merged_tile() const {
        Tile tile = tier().tile;
        tile.rows = tile_rows();
        return tile;
    }
};

}  // namespace lacuna
