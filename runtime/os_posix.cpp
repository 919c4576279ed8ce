// Linux, Android, macOS, iOS. The few functions are declared by hand, so that a bundle for any of
// them compiles without its SDK; their argument types are the same on all of these.
#include "runtime/os.h"

#if !defined(_WIN32)

extern "C" {
int sched_yield(void);
char *getenv(const char *name);
int pthread_mutex_init(void *mutex, const void *attributes);
int pthread_mutex_destroy(void *mutex);
int pthread_mutex_lock(void *mutex);
int pthread_mutex_unlock(void *mutex);
int pthread_cond_init(void *condition, const void *attributes);
int pthread_cond_destroy(void *condition);
int pthread_cond_wait(void *condition, void *mutex);
int pthread_cond_broadcast(void *condition);
int pthread_create(void *thread, const void *attributes, void *(*main)(void *), void *argument);
int pthread_join(uintptr_t thread, void **result);
#if defined(__linux__) && (defined(__arm__) || defined(__aarch64__) || defined(__riscv))
unsigned long getauxval(unsigned long type);
#elif defined(__APPLE__) && defined(__aarch64__)
int sysctlbyname(const char *name, void *value, size_t *bytes, void *wanted, size_t wanted_bytes);
#endif
}

namespace lacuna {

void yield() { sched_yield(); }
const char *environment(const char *name) { return getenv(name); }
#if defined(__linux__) && (defined(__arm__) || defined(__aarch64__) || defined(__riscv))
unsigned long hardware_bits() {
    constexpr unsigned long kHwcap = 16;
    return getauxval(kHwcap);
}
#elif defined(__APPLE__) && defined(__aarch64__)
bool system_says(const char *name) {
    int32_t value = 0;
    size_t bytes = sizeof value;
    return sysctlbyname(name, &value, &bytes, nullptr, 0) == 0 && value != 0;
}
#endif

void init(Mutex *m) { pthread_mutex_init(m, nullptr); }
void destroy(Mutex *m) { pthread_mutex_destroy(m); }
void lock(Mutex *m) { pthread_mutex_lock(m); }
void unlock(Mutex *m) { pthread_mutex_unlock(m); }
void init(Condition *c) { pthread_cond_init(c, nullptr); }
void destroy(Condition *c) { pthread_cond_destroy(c); }
void wait(Condition *c, Mutex *m) { pthread_cond_wait(c, m); }
void wake_all(Condition *c) { pthread_cond_broadcast(c); }

static void *enter(void *argument) {
    const auto *start = static_cast<const ThreadStart *>(argument);
    start->main(start->argument);
    return nullptr;
}

bool start_thread(Thread *thread, ThreadStart *start) {
    return pthread_create(&thread->handle, nullptr, enter, start) == 0;
}
void join_thread(Thread *thread) { pthread_join(thread->handle, nullptr); }

}  // namespace lacuna

#endif
