// Halide's objects for HVX carry functions that take the vector unit and VTCM from the system. No
// kernel here calls them, but they name these three of Halide's runtime. Weak: an application that
// links that runtime has its own.
#if defined(__hexagon__)
#include <stdint.h>

extern "C" {
__attribute__((weak)) void halide_error(void *, const char *) {}
__attribute__((weak)) char *halide_string_to_string(char *to, char *, const char *) { return to; }
__attribute__((weak)) int halide_msan_annotate_memory_is_initialized(void *, const void *,
                                                                     uint64_t) {
    return 0;
}
}
#endif
