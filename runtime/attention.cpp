// lac_attention: one list of tasks, in an order that needs no barrier. For each (sequence, KV
// head) come its pack tasks, then its blocks; threads take tasks in order from a counter. A task
// waits only for tasks before it, which are done or running, so any number of workers, one after
// another or all at once, gets to the end.
#include "runtime/attend.h"
#include "runtime/os.h"
#include "runtime/pack.h"

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

// Which task a running number is.
struct Task {
    int32_t sequence, kv_head, local;
    const Layout *layout;
};

Task find_task(const lac_plan &plan, int64_t number, int32_t *sequence) {
    while (*sequence + 1 < plan.batch && plan.sequences[*sequence + 1].first_task <= number)
        ++*sequence;
    const SequenceTasks &s = plan.sequences[*sequence];
    const Layout &layout = plan.layouts[s.layout];
    const int64_t per_head = layout.pack_tasks + layout.blocks, local = number - s.first_task;
    return {*sequence, static_cast<int32_t>(local / per_head),
            static_cast<int32_t>(local % per_head), &layout};
}

void work(void *argument, int32_t thread) {
    const Job &job = *static_cast<const Job *>(argument);
    const lac_plan &plan = *job.call.plan;
    const Workspace &ws = job.workspace;
    const Scratch scratch = ws.scratch(thread);
    prepare_scratch(plan, scratch);
    int32_t sequence = 0;
    for (;;) {
        const int64_t number = __atomic_fetch_add(ws.next_task(), 1, __ATOMIC_RELAXED);
        if (number >= plan.tasks) return;
        const Task task = find_task(plan, number, &sequence);
        const int64_t unit = static_cast<int64_t>(task.sequence) * plan.kv_heads + task.kv_head;
        const auto slot = static_cast<int32_t>(unit % ws.heads_in_flight());
        Progress &progress = ws.progress()[unit];
        if (task.local < task.layout->pack_tasks) {
            const int64_t before = unit - ws.heads_in_flight();
            if (before >= 0) {
                const int64_t b = before / plan.kv_heads;
                const Layout &layout = plan.layouts[plan.sequences[b].layout];
                wait_for(ws.progress()[before].attended, static_cast<uint32_t>(layout.blocks));
            }
            pack_task(job.call, ws, *task.layout, task.sequence, task.kv_head, slot, task.local);
            add_one(progress.packed);
        } else {
            wait_for(progress.packed, static_cast<uint32_t>(task.layout->pack_tasks));
            const int32_t block = task.local - task.layout->pack_tasks;
            attend_block(job.call, ws, scratch, *task.layout,
                         Head{task.sequence, task.kv_head, slot},
                         plan.blocks[task.layout->first_block + block]);
            add_one(progress.attended);
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
    const Workspace ws(*plan, call.threads, workspace);
    if (workspace_bytes < ws.bytes()) return LAC_TOO_SMALL;
    *ws.next_task() = 0;
    for (int64_t i = 0; i < ws.units(); i++) ws.progress()[i] = {};
    Job job{call, ws};
    if (call.threads == 1)
        work(&job, 0);
    else
        call.parallel_for(call.parallel_context, call.threads, work, &job);
    return LAC_OK;
}
