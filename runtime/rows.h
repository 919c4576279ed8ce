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

// Which of at most kLanes keys of the owner's list for head and query q it visits: a bit each.
inline uint32_t owned_of_list(const lac_pattern &p, const Owner &owner, int64_t head, int64_t q,
                              const Indices &keys, int64_t n, const Sequence &in) {
    const Span span{keys.first[0], keys.first[keys.count - 1], 1};
    const Maybe all =
        owned<Span>(p, owner, {Span::one(head), Span::one(q), span, Span::one(n), in}, true);
    if (all.never()) return 0;
    if (all.always()) return ~0u >> (kLanes - keys.count);
    Lanes lanes = Lanes::one(INT32_MAX);  // no sequence has this key
    for (int64_t i = 0; i < keys.count; i++) lanes.lane[i] = keys.first[i];
    const Pair<Lanes> pair{Lanes::one(head), Lanes::one(q), lanes, Lanes::one(n), in};
    return owned<Lanes>(p, owner, pair, true).word();
}

}  // namespace lacuna
