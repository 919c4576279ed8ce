// One task of attention: the tiles of a block, for one (sequence, KV head).
#pragma once
#include "runtime/validate.h"
#include "runtime/workspace.h"

namespace lacuna {

struct Head {
    int32_t sequence, kv_head;
};

// Clears what a thread's scratch must hold before its first block.
void prepare_scratch(const Call &call, const Scratch &scratch);

void attend_block(const Call &call, const HeadKeys &keys, const Scratch &scratch,
                  const Layout &layout, const Head &head, const TileBlock &block);

// Some of a tile's items, that several threads share: those of number index, index + count, … The
// partial results go to places of their own, and whoever comes last folds them in order.
struct Slice {
    int32_t index, count;
    float *parts;        // of all items
    uint32_t *finished;  // slices that are
};
void attend_slice(const Call &call, const HeadKeys &keys, const Scratch &scratch,
                  const Layout &layout, const Head &head, const TileBlock &block,
                  const Slice &slice);

// All of a step over caches, in the workspace's memory.
void attend_step(const Call &call, const Workspace &workspace);

}  // namespace lacuna
