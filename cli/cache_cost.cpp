#include "cli/cache_cost.h"

#include "cli/elements.h"
#include "patterns/pattern.h"

namespace lacuna {

double token_bytes(const KernelSpec &type, int kv_heads) {
    return static_cast<double>(row_bytes(type.dtypes.k, type.head_dim) +
                               row_bytes(type.dtypes.v, type.value_dim)) *
           kv_heads;
}

double retained_keys(const lac_pattern &pattern, int32_t n) {
    double keys = 0;
    for (int32_t k = 0; k < n; k++) keys += retained(pattern, k, n - 1);
    return keys;
}

}  // namespace lacuna
