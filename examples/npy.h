/* Reads and writes .npy files of little-endian float32 in C order, on a little-endian machine;
 * anything else is refused with the reason. C99 and C++. */
#ifndef EXAMPLES_NPY_H
#define EXAMPLES_NPY_H
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NPY_MAX_DIMS 4

typedef struct npy {
    float *data; /* from malloc */
    int dims;
    int32_t shape[NPY_MAX_DIMS];
    size_t count;
} npy;

/* "{'descr': '<f4', 'fortran_order': False, 'shape': (8, 128, 64), }" */
static inline const char *npy_parse(const char *header, npy *array) {
    const char *at = strstr(header, "'shape': (");
    if (!strstr(header, "'descr': '<f4'")) return "the type is not little-endian float32";
    if (!strstr(header, "'fortran_order': False")) return "not in C order";
    if (!at) return "the header has no shape";
    array->dims = 0;
    array->count = 1;
    for (at += strlen("'shape': ("); *at != ')';) {
        char *end;
        const long extent = strtol(at, &end, 10);
        if (end == at || extent < 1 || extent > INT32_MAX) return "the shape is malformed or empty";
        if (array->dims == NPY_MAX_DIMS) return "more than 4 dimensions";
        if (array->count > SIZE_MAX / sizeof(float) / (size_t)extent) return "too large";
        array->shape[array->dims++] = (int32_t)extent;
        array->count *= (size_t)extent;
        at = end + strspn(end, ", ");
    }
    return NULL;
}

static inline const char *npy_read_open(FILE *file, npy *array) {
    unsigned char start[12];
    char header[4096];
    size_t length;
    const char *error;
    if (fread(start, 1, 10, file) != 10 || memcmp(start, "\x93NUMPY", 6) != 0)
        return "not a .npy file";
    length = start[8] | (size_t)start[9] << 8;
    if (start[6] > 1) { /* versions 2 and 3 have four bytes of length */
        if (fread(start + 10, 1, 2, file) != 2) return "ends early";
        length |= (size_t)start[10] << 16 | (size_t)start[11] << 24;
    }
    if (length >= sizeof header || fread(header, 1, length, file) != length)
        return "the header is cut off or too long";
    header[length] = 0;
    error = npy_parse(header, array);
    if (error) return error;
    array->data = (float *)malloc(array->count * sizeof(float));
    if (!array->data) return "out of memory";
    if (fread(array->data, sizeof(float), array->count, file) != array->count) return "ends early";
    return fgetc(file) == EOF ? NULL : "longer than its shape says";
}

/* Null when all is well, else why not. */
static inline const char *npy_read(const char *path, npy *array) {
    const char *error;
    FILE *file = fopen(path, "rb");
    memset(array, 0, sizeof *array);
    if (!file) return "cannot be opened";
    error = npy_read_open(file, array);
    fclose(file);
    if (error) free(array->data);
    return error;
}

static inline const char *npy_write(const char *path, const npy *array) {
    char header[118]; /* with the 10 bytes before it a multiple of 64 */
    size_t used;
    int i, ok;
    FILE *file = fopen(path, "wb");
    if (!file) return "cannot be written";
    used = (size_t)sprintf(header, "{'descr': '<f4', 'fortran_order': False, 'shape': (");
    for (i = 0; i < array->dims; i++)
        used += (size_t)sprintf(header + used, "%d, ", (int)array->shape[i]);
    used += (size_t)sprintf(header + used, "), }");
    memset(header + used, ' ', sizeof header - used);
    header[sizeof header - 1] = '\n';
    ok = fwrite("\x93NUMPY\x01\x00\x76\x00", 1, 10, file) == 10 &&
         fwrite(header, 1, sizeof header, file) == sizeof header &&
         fwrite(array->data, sizeof(float), array->count, file) == array->count;
    return fclose(file) == 0 && ok ? NULL : "cannot be written";
}

/* [heads, tokens, features] of numbers in -2...2, the same for a seed; no data without memory. */
static inline npy npy_made(int32_t heads, int32_t tokens, int32_t features, uint32_t seed) {
    npy a;
    size_t i;
    a.dims = 3;
    a.shape[0] = heads;
    a.shape[1] = tokens;
    a.shape[2] = features;
    a.count = (size_t)heads * (size_t)tokens * (size_t)features;
    a.data = (float *)malloc(a.count * sizeof(float));
    for (i = 0; a.data && i < a.count; i++) {
        seed = seed * 1664525u + 1013904223u;
        a.data[i] = (float)((int32_t)(seed >> 8) - (1 << 23)) / (1 << 22);
    }
    return a;
}

/* The file's [heads, tokens, features]; when there is no file, a made array is written to it. */
static inline const char *npy_read_or_make(const char *path, int32_t heads, int32_t tokens,
                                           int32_t features, uint32_t seed, npy *array) {
    FILE *file = fopen(path, "rb");
    if (!file && errno == ENOENT) {
        *array = npy_made(heads, tokens, features, seed);
        return array->data ? npy_write(path, array) : "out of memory";
    }
    if (file) fclose(file);
    const char *error = npy_read(path, array);
    return error || array->dims == 3 ? error : "expected [heads, tokens, features]";
}

#endif
