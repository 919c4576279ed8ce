// One task of attention: the tiles of a block, for one (sequence, KV head).
#pragma once
#include "runtime/validate.h"
#include "runtime/workspace.h"

namespace lacuna {

struct Head {
    int32_t sequence, kv_head;
};

// Clears what a thread's scratch must hold before its first block.
void prepare_scratch(const lac_plan &plan, const Scratch &scratch);

void attend_block(const Call &call, const HeadKeys &keys, const Scratch &scratch,
                  const Layout &layout, const Head &head, const TileBlock &block);

// All tasks of a call, in the workspace's memory.
void attend(const Call &call, const Workspace &workspace);

}  // namespace lacuna
