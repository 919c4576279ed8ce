// The tasks of a step: for each (sequence, KV head) its blocks, in slices where threads would be
// idle. No task waits for another.
#include "runtime/attend.h"
#include "runtime/cache.h"

namespace lacuna {

namespace {

struct Job {
    const Call &call;
    const Workspace &workspace;
};

void run_task(const Job &job, const Scratch &scratch, int64_t unit, int64_t first_block,
              int64_t task) {
    const lac_plan &plan = *job.call.plan;
    const Workspace &ws = job.workspace;
    const Layout &layout = plan.layouts[plan.units[unit].layout];
    const Head head{static_cast<int32_t>(unit / plan.kv_heads),
                    static_cast<int32_t>(unit % plan.kv_heads)};
    const HeadKeys keys = head_keys(*job.call.caches[head.sequence], head.kv_head);
    const int64_t number = task / ws.slices();
    const TileBlock &block = plan.blocks[layout.first_block + number - first_block];
    if (ws.slices() == 1) {
        attend_block(job.call, keys, scratch, layout, head, block);
        return;
    }
    const Slice slice{static_cast<int32_t>(task % ws.slices()), ws.slices(),
                      ws.shared_parts(number), ws.finished(number)};
    attend_slice(job.call, keys, scratch, layout, head, block, slice);
}

void work(void *argument, int32_t thread) {
    const Job &job = *static_cast<const Job *>(argument);
    const lac_plan &plan = *job.call.plan;
    const Scratch scratch = job.workspace.scratch(thread);
    prepare_scratch(job.call, scratch);
    const auto blocks = [&](int64_t unit) { return plan.layouts[plan.units[unit].layout].blocks; };
    int64_t unit = 0, first_block = 0;  // tasks come in order, so these only go up
    for (;;) {
        const int64_t task = __atomic_fetch_add(job.workspace.next_task(), 1, __ATOMIC_RELAXED);
        if (task >= plan.unit_blocks * job.workspace.slices()) return;
        while (first_block + blocks(unit) <= task / job.workspace.slices())
            first_block += blocks(unit++);
        run_task(job, scratch, unit, first_block, task);
    }
}

}  // namespace

void attend_step(const Call &call, const Workspace &workspace) {
    *workspace.next_task() = 0;
    for (int64_t b = 0; workspace.slices() > 1 && b < call.plan->unit_blocks; b++)
        *workspace.finished(b) = 0;
    Job job{call, workspace};
    if (call.threads == 1)
        work(&job, 0);
    else
        call.parallel_for(call.parallel_context, call.threads, work, &job);
}

}  // namespace lacuna
