// Tiles as text: "12,6,6,1,2,1,1" and, with streams, "12,6,6,1,1,1,1,streams". So they travel to
// the generators, in logs and in the tuned database.
#pragma once
#include <cstdio>
#include <string>

#include "schedules/tile.h"

namespace lacuna {

inline bool operator==(const Tile &a, const Tile &b) {
    return a.rows == b.rows && a.score_rows == b.score_rows && a.value_rows == b.value_rows &&
           a.score_unroll == b.score_unroll && a.value_unroll == b.value_unroll &&
           a.value_planes == b.value_planes && a.score_panels == b.score_panels &&
           a.streams == b.streams && a.plane_parts == b.plane_parts;
}
inline bool operator!=(const Tile &a, const Tile &b) { return !(a == b); }

inline std::string tile_text(const Tile &t, const char *separator = ",") {
    std::string text = std::to_string(t.rows);
    for (const int n : {t.score_rows, t.value_rows, t.score_unroll, t.value_unroll, t.value_planes,
                        t.score_panels})
        text += separator + std::to_string(n);
    if (t.plane_parts > 1) text += separator + std::to_string(t.plane_parts);
    return t.streams ? text + separator + "streams" : text;
}

// False when the text is no Tile that a schedule could take. Six numbers, as earlier versions wrote
// them, have one score_panels; seven have whole planes.
inline bool parse_tile(const std::string &text, Tile &tile) {
    Tile t{};
    int ends[3] = {};  // of six numbers, seven and eight
    const int read =
        std::sscanf(text.c_str(), "%3d,%3d,%3d,%3d,%3d,%3d%n,%3d%n,%3d%n", &t.rows, &t.score_rows,
                    &t.value_rows, &t.score_unroll, &t.value_unroll, &t.value_planes, &ends[0],
                    &t.score_panels, &ends[1], &t.plane_parts, &ends[2]);
    if (read < 6) return false;
    if (read == 6) t.score_panels = 1;
    if (read == 8 && t.plane_parts == 1) return false;
    const std::string rest = text.substr(static_cast<size_t>(ends[read - 6]));
    if (!rest.empty() && rest != ",streams") return false;
    t.streams = !rest.empty();
    for (const int n : {t.rows, t.score_rows, t.value_rows, t.score_unroll, t.value_unroll,
                        t.value_planes, t.score_panels, t.plane_parts})
        if (n < 1) return false;
    if (t.rows % t.score_rows != 0 || t.rows % t.value_rows != 0) return false;
    if (t.plane_parts > 1 && (t.value_planes > 1 || t.streams)) return false;
    tile = t;
    return true;
}

}  // namespace lacuna
