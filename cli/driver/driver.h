/* What the driver asks of the system that it runs on: of its C library in hosted.c, of QEMU alone
 * in hexagon_system.c. */
#ifndef LACUNA_DRIVER_H
#define LACUNA_DRIVER_H
#include <lac.h>

int driver_main(int argc, char **argv);

void driver_say(const char *text);
void driver_exit(int code);
/* Aligned to LAC_DRIVER_ALIGNMENT; null when there is none. */
void *driver_memory(size_t bytes);
/* A whole file in such memory, or null. */
void *driver_read(const char *path, size_t *bytes);
int driver_write(const char *path, const void *const *parts, const size_t *bytes, int count);
/* Of the clock on the wall, or the time that the program ran; -1 where nothing knows. */
int64_t driver_nanoseconds(int of_program);
/* Between 1 and 0 lies the call that is counted; "instructions N" is printed for it if anything
 * counts. */
void driver_count(int on);
lac_status driver_threads(int threads, lac_args *args);

#endif
