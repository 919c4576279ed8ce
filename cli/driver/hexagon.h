/* hexagon_start.S: what starts a bare program under qemu-hexagon, and what it may ask of it. */
#ifndef LACUNA_DRIVER_HEXAGON_H
#define LACUNA_DRIVER_HEXAGON_H
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
/* The program: its stack begins with argc and argv. What it returns is its exit code. */
int guest_main(uint32_t *stack);
long linux_call(long number, long a, long b, long c, long d);
uint32_t qemu_packets(void); /* so far */
#ifdef __cplusplus
}
#endif

#endif
