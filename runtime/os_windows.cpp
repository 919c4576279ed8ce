// Windows: kernel32 alone, declared by hand for the same reason as in os_posix.cpp.
#include "runtime/os.h"

#if defined(_WIN32)

extern "C" {
__declspec(dllimport) int SwitchToThread(void);
__declspec(dllimport) void InitializeSRWLock(void *lock);
__declspec(dllimport) void AcquireSRWLockExclusive(void *lock);
__declspec(dllimport) void ReleaseSRWLockExclusive(void *lock);
__declspec(dllimport) void InitializeConditionVariable(void *condition);
__declspec(dllimport) int SleepConditionVariableSRW(void *condition, void *lock,
                                                    unsigned long milliseconds,
                                                    unsigned long flags);
__declspec(dllimport) void WakeAllConditionVariable(void *condition);
__declspec(dllimport) void *CreateThread(void *attributes, size_t stack,
                                         unsigned long (*main)(void *), void *argument,
                                         unsigned long flags, unsigned long *id);
__declspec(dllimport) unsigned long WaitForSingleObject(void *handle, unsigned long milliseconds);
__declspec(dllimport) int CloseHandle(void *handle);
__declspec(dllimport) int IsProcessorFeaturePresent(unsigned long feature);
char *getenv(const char *name);
}

namespace lacuna {

constexpr unsigned long kForever = 0xffffffffu;

void yield() { SwitchToThread(); }
const char *environment(const char *name) { return getenv(name); }
#if defined(__aarch64__)
bool processor_has(uint32_t feature) { return IsProcessorFeaturePresent(feature) != 0; }
#endif

void init(Mutex *m) { InitializeSRWLock(m); }
void destroy(Mutex *) {}
void lock(Mutex *m) { AcquireSRWLockExclusive(m); }
void unlock(Mutex *m) { ReleaseSRWLockExclusive(m); }
void init(Condition *c) { InitializeConditionVariable(c); }
void destroy(Condition *) {}
void wait(Condition *c, Mutex *m) { SleepConditionVariableSRW(c, m, kForever, 0); }
void wake_all(Condition *c) { WakeAllConditionVariable(c); }

static unsigned long enter(void *argument) {
    const auto *start = static_cast<const ThreadStart *>(argument);
    start->main(start->argument);
    return 0;
}

bool start_thread(Thread *thread, ThreadStart *start) {
    void *handle = CreateThread(nullptr, 0, enter, start, 0, nullptr);
    thread->handle = reinterpret_cast<uintptr_t>(handle);
    return handle != nullptr;
}
void join_thread(Thread *thread) {
    void *handle = reinterpret_cast<void *>(thread->handle);
    WaitForSingleObject(handle, kForever);
    CloseHandle(handle);
}

}  // namespace lacuna

#endif
