// lac_pool: workers that sleep between calls. After a call they spin for some microseconds first,
// because a model's next layer usually follows at once.
#include "runtime/carver.h"
#include "runtime/os.h"

using namespace lacuna;

struct lac_pool {
    Mutex mutex;
    Condition start, finish;
    int32_t threads;
    int32_t started;  // workers that run
    uint32_t epoch;   // of the current job; read without the mutex while spinning
    int32_t active;   // workers still in the job
    bool quit;
    lac_work work;
    void *argument;
    int32_t count, next;
    Thread *handles;
    ThreadStart entry;
};

namespace {

constexpr int kSpins = 2000;

void take_indices(lac_pool &pool) {
    for (;;) {
        const int32_t i = __atomic_fetch_add(&pool.next, 1, __ATOMIC_RELAXED);
        if (i >= pool.count) return;
        pool.work(pool.argument, i);
    }
}

void worker(void *argument) {
    lac_pool &pool = *static_cast<lac_pool *>(argument);
    uint32_t seen = 0;
    for (;;) {
        for (int i = 0; i < kSpins && __atomic_load_n(&pool.epoch, __ATOMIC_ACQUIRE) == seen; i++)
            pause();
        lock(&pool.mutex);
        while (pool.epoch == seen && !pool.quit) wait(&pool.start, &pool.mutex);
        seen = pool.epoch;
        const bool quit = pool.quit;
        unlock(&pool.mutex);
        if (quit) return;
        take_indices(pool);
        lock(&pool.mutex);
        if (--pool.active == 0) wake_all(&pool.finish);
        unlock(&pool.mutex);
    }
}

}  // namespace

extern "C" {

size_t lac_pool_bytes(int32_t threads) {
    if (threads < 1 || threads > LAC_MAX_THREADS) return 0;
    return aligned(sizeof(lac_pool)) + aligned(sizeof(Thread) * static_cast<size_t>(threads));
}

lac_status lac_pool_create(int32_t threads, void *memory, size_t bytes, lac_pool **out) {
    if (!memory || !out) return LAC_BAD_ARGUMENT;
    if (threads < 1 || threads > LAC_MAX_THREADS) return LAC_TOO_MANY_THREADS;
    if (reinterpret_cast<uintptr_t>(memory) % LAC_MEMORY_ALIGNMENT) return LAC_BAD_ALIGNMENT;
    if (bytes < lac_pool_bytes(threads)) return LAC_TOO_SMALL;
    Carver carver(memory);
    lac_pool &pool = *carver.take<lac_pool>(1);
    pool = {};
    pool.handles = carver.take<Thread>(threads);
    pool.threads = threads;
    pool.entry = {worker, &pool};
    init(&pool.mutex);
    init(&pool.start);
    init(&pool.finish);
    for (; pool.started < threads - 1; pool.started++) {
        if (!start_thread(&pool.handles[pool.started], &pool.entry)) {
            lac_pool_destroy(&pool);
            return LAC_THREAD_FAILED;
        }
    }
    *out = &pool;
    return LAC_OK;
}

void lac_pool_destroy(lac_pool *pool) {
    if (!pool) return;
    lock(&pool->mutex);
    pool->quit = true;
    wake_all(&pool->start);
    unlock(&pool->mutex);
    for (int32_t i = 0; i < pool->started; i++) join_thread(&pool->handles[i]);
    destroy(&pool->start);
    destroy(&pool->finish);
    destroy(&pool->mutex);
}

void lac_pool_run(void *context, int32_t count, lac_work work, void *argument) {
    lac_pool &pool = *static_cast<lac_pool *>(context);
    lock(&pool.mutex);
    pool.work = work;
    pool.argument = argument;
    pool.count = count;
    pool.next = 0;
    pool.active = pool.started;
    __atomic_store_n(&pool.epoch, pool.epoch + 1, __ATOMIC_RELEASE);
    wake_all(&pool.start);
    unlock(&pool.mutex);
    take_indices(pool);
    lock(&pool.mutex);
    while (pool.active > 0) wait(&pool.finish, &pool.mutex);
    unlock(&pool.mutex);
}

}  // extern "C"
