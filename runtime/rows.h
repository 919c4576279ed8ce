// The rows of a tile, one after the other, and the keys of their lists.
#pragma once
#include "runtime/plan.h"

namespace lacuna {

// A row as the position of its token and a query head of its KV head's group. Global tokens have
// tiles of their own, and are skipped in others.
class TileRowCursor {
public:
    TileRowCursor(const lac_plan &plan, const RowTile &tile, const Indices &globals)
        : globals_(globals),
          global_(tile.global),
          stride_(plan.group[tile.group].row_stride),
          heads_(plan.group[tile.group].row_heads),
          group_heads_(plan.group_heads),
          position_(tile.position),
          head_(tile.first_head),
          steps_(heads_ <= 1 && global_ == kNoGlobals && globals.count <= 0) {}
    int32_t position() const { return position_; }
    int32_t head() const { return head_; }
    void advance() {
        if (steps_) {
            position_ += stride_;
            return;
        }
        if (heads_ > 1) {
            if (++head_ < group_heads_) return;
            head_ = 0;
        }
        if (global_ != kNoGlobals) {
            if (++global_ < globals_.count) position_ = globals_.first[global_];
            return;
        }
        do position_ += stride_;
        while (globals_.count > 0 && globals_.contains(position_));
    }

private:
    Indices globals_;
    int32_t global_, stride_, heads_, group_heads_, position_, head_;
    bool steps_;  // the usual case: one head, no globals
};

// What an owner visits of keys that query q of a head lists.
class OwnedKeys {
public:
    OwnedKeys(const lac_pattern &pattern, const Owner &owner, int64_t head, int64_t q, int64_t n,
              const Sequence &in)
        : pattern_(pattern),
          owner_(owner),
          row_{Span::one(head), Span::one(q), Span::one(0), Span::one(n), in},
          lanes_{Lanes::one(head), Lanes::one(q), Lanes::one(0), Lanes::one(n), in} {}

    // Calls visit(keys, word) for stretches in order: a bit for each key that is visited, or kAll
    // if all are. Only stretches of at most kLanes are looked at key by key.
    template <class Visit>
    void each(const Indices &keys, Visit visit) {
        const lac_atom &atom = pattern_.atom[first_of(owner_.atoms)];
        if (keys.count == 0 || within_heads(atom, row_).never()) return;
        // Kept lists ascend within the sequence: what lies ahead is their end.
        const int64_t end = pattern_.bidi ? row_.n.lo : row_.q.lo + 1;
        const bool ahead = keys.first[keys.count - 1] >= end;
        const Indices behind{keys.first, ahead ? keys.place_of(end) : keys.count};
        if (owner_.earlier || row_.in.tree)
            split(behind, visit);
        else if (behind.count > 0)
            visit(behind, kAll);
    }
    static constexpr uint32_t kAll = ~0u;

private:
    // May the query see a key that is not ahead of it, and does no earlier segment own it?
    template <class Int>
    auto unowned(const Pair<Int> &pair) const {
        if (!owner_.earlier) return in_tree(pair);
        auto keep = !any_attends(pattern_, owner_.earlier, pair);
        return pair.in.tree ? keep && in_tree(pair) : keep;
    }

    template <class Visit>
    void split(const Indices &keys, Visit visit) {
        if (keys.count == 0) return;
        row_.k = {keys.first[0], keys.first[keys.count - 1], 1};
        const Maybe kept = unowned(row_);
        if (kept.never()) return;
        if (kept.always()) {
            visit(keys, kAll);
        } else if (keys.count > kLanes) {
            const int64_t half = ceil_div(keys.count / 2, int64_t{kLanes}) * kLanes;
            split({keys.first, half}, visit);
            split({keys.first + half, keys.count - half}, visit);
        } else {
            for (int64_t i = 0; i < keys.count; i++) lanes_.k.lane[i] = keys.first[i];
            visit(keys, unowned(lanes_).word() & ~0u >> (kLanes - keys.count));
        }
    }

    const lac_pattern &pattern_;
    const Owner &owner_;
    Pair<Span> row_;
    Pair<Lanes> lanes_;
};

}  // namespace lacuna
