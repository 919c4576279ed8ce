/* The driver's system where there is none: qemu-hexagon takes Linux's system calls, and counts
 * packets of instructions instead of time. */
#include "driver.h"
#include "hexagon.h"
#include "problem.h"

enum { OPENAT = 56, CLOSE = 57, READ = 63, WRITE = 64, EXIT_GROUP = 94, BRK = 214 };
enum { OF_FOLDER = -100, FOR_READING = 0, FOR_WRITING = 01 | 0100 | 01000 /* made, emptied */ };

static long size_of(const char *text) {
    long n = 0;
    while (text[n]) n++;
    return n;
}
void driver_say(const char *text) { linux_call(WRITE, 1, (long)text, size_of(text), 0); }
void driver_exit(int code) { linux_call(EXIT_GROUP, code, 0, 0, 0); }

/* Nothing is given back: the heap's end moves on. */
void *driver_memory(size_t bytes) {
    static long end;
    if (!end) end = linux_call(BRK, 0, 0, 0, 0);
    const long start =
        (end + LAC_DRIVER_ALIGNMENT - 1) / LAC_DRIVER_ALIGNMENT * LAC_DRIVER_ALIGNMENT;
    const long wanted = start + (long)bytes;
    if (wanted < start || linux_call(BRK, wanted, 0, 0, 0) != wanted) return NULL;
    end = wanted;
    return (void *)start;
}

void *driver_read(const char *path, size_t *bytes) {
    const long file = linux_call(OPENAT, OF_FOLDER, (long)path, FOR_READING, 0);
    if (file < 0) return NULL;
    /* Chunks lie side by side, being multiples of the alignment. */
    enum { CHUNK = 1 << 16 };
    char *memory = NULL;
    long size = 0, n = 0;
    do {
        char *chunk = size % CHUNK ? memory + size : driver_memory(CHUNK);
        if (!chunk) return NULL;
        if (!memory) memory = chunk;
        n = linux_call(READ, file, (long)chunk, CHUNK - size % CHUNK, 0);
        if (n < 0) return NULL;
        size += n;
    } while (n > 0);
    linux_call(CLOSE, file, 0, 0, 0);
    *bytes = (size_t)size;
    return memory;
}

int driver_write(const char *path, const void *const *parts, const size_t *bytes, int count) {
    const long file = linux_call(OPENAT, OF_FOLDER, (long)path, FOR_WRITING, 0644);
    if (file < 0) return 0;
    for (int i = 0; i < count; i++) {
        for (size_t at = 0; at < bytes[i];) {
            const long n =
                linux_call(WRITE, file, (long)parts[i] + (long)at, (long)(bytes[i] - at), 0);
            if (n <= 0) return 0;
            at += (size_t)n;
        }
    }
    return linux_call(CLOSE, file, 0, 0, 0) == 0;
}

int64_t driver_nanoseconds(int of_program) {
    (void)of_program;
    return -1;
}

void driver_count(int on) {
    static uint32_t before;
    if (on) {
        before = qemu_packets();
        return;
    }
    uint32_t packets = qemu_packets() - before;
    char text[12];
    int at = sizeof text - 1;
    text[at] = 0;
    do text[--at] = (char)('0' + packets % 10);
    while (packets /= 10);
    driver_say("instructions ");
    driver_say(text + at);
    driver_say("\n");
}

/* A pool's workers would need the vector unit locked, and a system that has threads. */
lac_status driver_threads(int threads, lac_args *args) {
    (void)threads, (void)args;
    return LAC_BAD_ARGUMENT;
}

int guest_main(uint32_t *stack) { return driver_main((int)stack[0], (char **)(stack + 1)); }
