/* The driver's system where there is a C library. */
#define _POSIX_C_SOURCE 200112L
#include "driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#ifdef __linux__
#include <sys/prctl.h>
#elif defined(_WIN32)
#include <malloc.h>
#endif

#include "problem.h"

void driver_say(const char *text) { fputs(text, stdout); }
void driver_exit(int code) { exit(code); }

void *driver_memory(size_t bytes) {
#ifdef _WIN32
    return _aligned_malloc(bytes ? bytes : 1, LAC_DRIVER_ALIGNMENT);
#else
    void *memory;
    return posix_memalign(&memory, LAC_DRIVER_ALIGNMENT, bytes ? bytes : 1) ? NULL : memory;
#endif
}

void *driver_read(const char *path, size_t *bytes) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END)) return NULL;
    *bytes = (size_t)ftell(file);
    rewind(file);
    void *memory = driver_memory(*bytes);
    if (memory && fread(memory, 1, *bytes, file) != *bytes) memory = NULL;
    fclose(file);
    return memory;
}

int driver_write(const char *path, const void *const *parts, const size_t *bytes, int count) {
    FILE *file = fopen(path, "wb");
    if (!file) return 0;
    for (int i = 0; i < count; i++)
        if (fwrite(parts[i], 1, bytes[i], file) != bytes[i]) return 0;
    return fclose(file) == 0;
}

int64_t driver_nanoseconds(int of_program) {
    struct timespec t;
    clock_gettime(of_program ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* For count_plugin.c, which prints on the other stream to the same pipe; a kernel refuses it. */
void driver_count(int on) {
    fflush(stdout);
#ifdef __linux__
    prctl(0x4c41434e, on, 0, 0, 0);
#else
    (void)on;
#endif
}

lac_status driver_threads(int threads, lac_args *args) {
    lac_pool *pool;
    const size_t bytes = lac_pool_bytes(threads);
    const lac_status status = lac_pool_create(threads, driver_memory(bytes), bytes, &pool);
    args->threads = threads;
    args->parallel_for = lac_pool_run;
    args->parallel_context = pool;
    return status;
}

int main(int argc, char **argv) { return driver_main(argc, argv); }
