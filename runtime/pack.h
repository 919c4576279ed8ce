// Packing K and V of one (sequence, KV head) into the panels of its stores, a task at a time.
#pragma once
#include "runtime/validate.h"
#include "runtime/workspace.h"

namespace lacuna {

// Packs task 0…Layout::pack_tasks-1 of the head into the stores of `slot`.
void pack_task(const Call &call, const Workspace &workspace, const Layout &layout, int32_t sequence,
               int32_t kv_head, int32_t slot, int32_t task);

}  // namespace lacuna
