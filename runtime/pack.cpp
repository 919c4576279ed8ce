#include "runtime/pack.h"

#include "runtime/pack_rows.h"

namespace lacuna {

namespace {

constexpr int64_t kLine = 64;

// Panels first…first+count-1 of one residue class.
struct Part {
    int32_t store, residue;
    int64_t first, count;
};

// Rounds before the one that the task belongs to.
int64_t rounds_before(const lac_plan &plan, const Layout &layout, int32_t task) {
    int64_t low = 0, high = INT32_MAX;
    while (high - low > 1) {
        const int64_t middle = (low + high) / 2;
        (packs_in(plan, layout, middle) <= task ? low : high) = middle;
    }
    return low;
}

Part part_of(const lac_plan &plan, const Layout &layout, int32_t task) {
    const int64_t round = rounds_before(plan, layout, task), first = round * kPackPanels;
    task -= packs_in(plan, layout, round);
    for (int32_t s = 0; s < plan.store_count; s++) {
        const int64_t panels = layout.panels_per_residue[s] - first;
        if (panels <= 0) continue;
        const int32_t residues = residues_in(plan.store[s], layout);
        if (task < residues) return {s, task, first, smaller<int64_t>(panels, kPackPanels)};
        task -= residues;
    }
    return {};
}

// Some panels of one residue class, from key `token` on.
struct Piece {
    int64_t token;
    int32_t panel, panels, keys;  // keys: those that exist
};

Piece piece_of(const lac_plan &plan, const Layout &layout, const Part &part, int64_t first,
               int64_t panels) {
    const int64_t keys = plan.variant->panel_keys, modulus = plan.store[part.store].modulus;
    const int64_t token = part.residue + first * keys * modulus;
    // A residue class may end, or be empty, before its last panel does.
    const int64_t left = token < layout.k_tokens ? ceil_div(layout.k_tokens - token, modulus) : 0;
    return {left > 0 ? token : 0, static_cast<int32_t>(first), static_cast<int32_t>(panels),
            static_cast<int32_t>(smaller(left, panels * keys))};
}

void prefetch(const lac_tensor &t, const TokenRows &rows) {
    const int64_t bytes = t.features * type_bytes(t.type), step = rows.stride * type_bytes(t.type);
    const uint8_t *row = rows.elements.data;
    for (int32_t left = rows.count; left > 0; left--, row += step)
        for (const uint8_t *at = row; at < row + bytes; at += kLine) __builtin_prefetch(at);
}

}  // namespace

void pack_task(const Call &call, const Workspace &workspace, const Layout &layout, int32_t sequence,
               int32_t kv_head, int32_t slot, int32_t task) {
    const lac_plan &plan = *call.plan;
    const Part part = part_of(plan, layout, task);
    const PackedStore store = workspace.store(layout, slot, part.store);
    const int64_t modulus = plan.store[part.store].modulus;
    const int32_t panels = piece_panels(*plan.variant);
    const Room &room = layout.room[part.store];
    const auto piece = [&](int64_t at) {
        return piece_of(plan, layout, part, part.first + at,
                        smaller<int64_t>(part.count - at, panels));
    };
    const auto rows = [&](const lac_tensor &tensor, const Piece &p) {
        return rows_of(tensor, sequence, kv_head, p.token, p.keys, modulus);
    };
    const auto is_read = [&](const Piece &p) {
        return p.panel < room.fixed || p.panel + p.panels > room.lowest;
    };
    for (int64_t i = 0; i < part.count; i += panels) {
        // The next keys travel while these are packed: a class's keys lie too far apart for the
        // hardware to guess.
        if (i + panels < part.count) {
            const Piece next = piece(i + panels);
            if (is_read(next)) {
                prefetch(call.k, rows(call.k, next));
                prefetch(call.v, rows(call.v, next));
            }
        }
        const Piece now = piece(i);
        if (!is_read(now)) continue;
        const int32_t place = store.place(part.residue, now.panel);
        pack_keys(*plan.variant, store, place, now.panels, rows(call.k, now), nullptr);
        pack_values(*plan.variant, store, place, now.panels, rows(call.v, now));
    }
}

}  // namespace lacuna
