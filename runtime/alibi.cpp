#include "runtime/include/lacuna/lacuna.h"

namespace {

// By Newton's method: not every target has an instruction for doubles.
double square_root(double x) {
    double root = 1;
    for (int i = 0; i < 16; i++) root = 0.5 * (root + x / root);
    return root;
}

// Slopes 2^(-8 i / n) for i = first, first + step, …; n a power of two, of which square roots give
// the ratio.
void fill(float *slopes, int32_t count, int32_t n, int32_t first, int32_t step) {
    double ratio = 0x1p-8;
    for (int32_t k = n; k > 1; k /= 2) ratio = square_root(ratio);
    double slope = 1;
    for (int32_t i = 0; i < first; i++) slope *= ratio;
    for (int32_t h = 0; h < count; h++) {
        slopes[h] = static_cast<float>(slope);
        for (int32_t i = 0; i < step; i++) slope *= ratio;
    }
}

}  // namespace

extern "C" lac_status lac_alibi_slopes(int32_t heads, float *slopes) {
    if (!slopes) return LAC_BAD_ARGUMENT;
    if (heads < 1) return LAC_BAD_SHAPE;
    int32_t power = 1;
    while (power <= heads / 2) power *= 2;
    fill(slopes, power, power, 1, 1);
    fill(slopes + power, heads - power, 2 * power, 1, 2);
    return LAC_OK;
}
