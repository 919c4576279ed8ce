// All that the runtime asks of an operating system; os_posix.cpp and os_windows.cpp answer.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace lacuna {

// Gives the rest of the time slice away.
void yield();
// Tells the core that this is a spin loop.
inline void pause() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
    __asm__ volatile("yield");
#endif
}
const char *environment(const char *name);

#if defined(__linux__) && (defined(__arm__) || defined(__aarch64__) || defined(__riscv))
// The kernel's HWCAP word: what the CPU has.
unsigned long hardware_bits();
#elif defined(__APPLE__) && defined(__aarch64__)
// Whether a number of this name, which older systems lack, is there and not 0.
bool system_says(const char *name);
#elif defined(_WIN32) && defined(__aarch64__)
bool processor_has(uint32_t feature);
#endif

// Storage of at least the system's own size, at one address for its whole life.
struct alignas(16) Mutex {
    unsigned char storage[96];
};
struct alignas(16) Condition {
    unsigned char storage[96];
};
void init(Mutex *);
void destroy(Mutex *);
void lock(Mutex *);
void unlock(Mutex *);
void init(Condition *);
void destroy(Condition *);
void wait(Condition *, Mutex *);
void wake_all(Condition *);

using ThreadMain = void (*)(void *argument);
struct ThreadStart {
    ThreadMain main;
    void *argument;
};
struct Thread {
    uintptr_t handle;
};
// `start` must live as long as the thread. False when the system refuses.
bool start_thread(Thread *, ThreadStart *start);
void join_thread(Thread *);

}  // namespace lacuna
