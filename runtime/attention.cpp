// lac_attention: one list of tasks, in an order that needs no barrier. For each (sequence, KV
// head) come its blocks, each after the pack tasks that it waits for; threads take tasks in order
// from a counter. A task waits only for tasks before it, which are done or running, so any number
// of workers, one after another or all at once, gets to the end.
#include "runtime/attend.h"
#include "runtime/os.h"
#include "runtime/pack.h"
#include "runtime/tensor.h"

namespace lacuna {

namespace {

struct Job {
    const Call &call;
    const Workspace &workspace;
};

uint32_t load(const uint32_t &x) { return __atomic_load_n(&x, __ATOMIC_ACQUIRE); }
void add_one(uint32_t &x) { __atomic_fetch_add(&x, 1u, __ATOMIC_ACQ_REL); }

void wait_for(const uint32_t &count, uint32_t target) {
    constexpr int kSpins = 4096;
    for (int i = 0; load(count) < target; i++) {
        if (i < kSpins)
            pause();
        else
            yield();
    }
}

const Layout &layout_of(const lac_plan &plan, int64_t unit) {
    return plan.layouts[plan.units[unit].layout];
}

// Panels that take turns: those that had these places before may be read by any block that comes
// before the task, but for the last few.
void wait_for_turn(const Job &job, int64_t unit, int32_t blocks_before, int32_t *known_done) {
    const lac_plan &plan = *job.call.plan;
    const Layout &layout = layout_of(plan, unit);
    if (!takes_turns(plan, layout)) return;
    const TileBlock *blocks = plan.blocks + layout.first_block;
    const uint32_t *done = job.workspace.done() + plan.units[unit].first_task;
    for (int32_t &b = *known_done; b < blocks_before - kBlocksBehind; b++)
        wait_for(done[blocks[b].packs_before + b], 1);
}

// Heads that had the place before must be done, their packs as well: some are read by no block.
// One that packs anything has waited for those before it; a sequence without queries may not.
void wait_for_place(const Job &job, int64_t unit) {
    const Workspace &ws = job.workspace;
    for (int64_t before = unit - ws.heads_in_flight(); before >= 0;
         before -= ws.heads_in_flight()) {
        const Layout &layout = layout_of(*job.call.plan, before);
        wait_for(ws.progress()[before].packed, static_cast<uint32_t>(layout.pack_tasks));
        wait_for(ws.progress()[before].attended, static_cast<uint32_t>(layout.blocks));
        if (layout.pack_tasks > 0) return;
    }
}

// Packs a piece of K and V. `packed` counts tasks in order: all before it are done.
void run_pack(const Job &job, int64_t unit, int32_t task) {
    const lac_plan &plan = *job.call.plan;
    const Workspace &ws = job.workspace;
    wait_for_place(job, unit);
    pack_task(job.call, ws, layout_of(plan, unit), static_cast<int32_t>(unit / plan.kv_heads),
              static_cast<int32_t>(unit % plan.kv_heads),
              static_cast<int32_t>(unit % ws.heads_in_flight()), task);
    wait_for(ws.progress()[unit].packed, static_cast<uint32_t>(task));
    add_one(ws.progress()[unit].packed);
}

HeadKeys keys_of(const Job &job, const Layout &layout, const Head &head, int64_t unit) {
    const Call &call = job.call;
    const auto slot = static_cast<int32_t>(unit % job.workspace.heads_in_flight());
    HeadKeys keys = job.workspace.packed_keys(layout, slot);
    keys.keys = elements_at(call.k, head.sequence, head.kv_head, 0);
    keys.values = elements_at(call.v, head.sequence, head.kv_head, 0);
    const auto scales = [&](const lac_tensor &t) {
        return is_fixed8(call.plan->variant->type) ? head_scale_at(t, head.sequence, head.kv_head)
                                                   : scale_at(t, head.sequence, head.kv_head, 0);
    };
    keys.key_scales = scales(call.k);
    keys.value_scales = scales(call.v);
    keys.key_stride = elements_in(call.k.token_stride, call.k.type);
    keys.value_stride = elements_in(call.v.token_stride, call.v.type);
    return keys;
}

void run_block(const Job &job, const Scratch &scratch, int64_t unit, int32_t block) {
    const lac_plan &plan = *job.call.plan;
    const Workspace &ws = job.workspace;
    const Layout &layout = layout_of(plan, unit);
    const TileBlock &tiles = plan.blocks[layout.first_block + block];
    wait_for(ws.progress()[unit].packed, static_cast<uint32_t>(tiles.packs));
    const Head head{static_cast<int32_t>(unit / plan.kv_heads),
                    static_cast<int32_t>(unit % plan.kv_heads)};
    attend_block(job.call, keys_of(job, layout, head, unit), scratch, layout, head, tiles);
    if (ws.done()) add_one(ws.done()[plan.units[unit].first_task + tiles.packs_before + block]);
    add_one(ws.progress()[unit].attended);
}

void work(void *argument, int32_t thread) {
    const Job &job = *static_cast<const Job *>(argument);
    const lac_plan &plan = *job.call.plan;
    const Scratch scratch = job.workspace.scratch(thread);
    prepare_scratch(job.call, scratch);
    const int64_t units = job.workspace.units();
    int64_t unit = 0;  // tasks come in order, so these only go up
    int32_t block = 0, known_done = 0;
    for (;;) {
        const int64_t number = __atomic_fetch_add(job.workspace.next_task(), 1, __ATOMIC_RELAXED);
        if (number >= plan.tasks) return;
        while (unit + 1 < units && plan.units[unit + 1].first_task <= number) {
            unit++;
            block = known_done = 0;
        }
        const auto task = static_cast<int32_t>(number - plan.units[unit].first_task);
        const Layout &layout = layout_of(plan, unit);
        const auto task_of = [&] {
            return plan.blocks[layout.first_block + block].packs_before + block;
        };
        while (block < layout.blocks && task_of() < task) block++;
        if (block < layout.blocks && task_of() == task) {
            run_block(job, scratch, unit, block);
        } else {
            wait_for_turn(job, unit, block, &known_done);
            run_pack(job, unit, task - block);
        }
    }
}

}  // namespace
}  // namespace lacuna

extern "C" lac_status lac_attention(const lac_kernel *kernel, const lac_plan *plan,
                                    const lac_tensor *q, const lac_tensor *k, const lac_tensor *v,
                                    const lac_tensor *out, const lac_args *args, void *workspace,
                                    size_t workspace_bytes) {
    using namespace lacuna;
    Call call;
    const lac_status status = validate_call(kernel, plan, q, k, v, out, args, &call);
    if (status != LAC_OK) return status;
    if (!workspace) return LAC_BAD_ARGUMENT;
    if (reinterpret_cast<uintptr_t>(workspace) % LAC_MEMORY_ALIGNMENT) return LAC_BAD_ALIGNMENT;
    const Workspace ws(*plan, call.threads, true, workspace);
    if (workspace_bytes < ws.bytes()) return LAC_TOO_SMALL;
    *ws.next_task() = 0;
    for (int64_t i = 0; i < ws.units(); i++) ws.progress()[i] = {};
    for (int64_t i = 0; ws.done() && i < plan->tasks; i++) ws.done()[i] = 0;
    Job job{call, ws};
    if (call.threads == 1)
        work(&job, 0);
    else
        call.parallel_for(call.parallel_context, call.threads, work, &job);
    return LAC_OK;
}
