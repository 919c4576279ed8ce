// Hands out consecutive aligned pieces of a memory block; with no block it only counts.
#pragma once
#include "runtime/include/lacuna/lacuna.h"

namespace lacuna {

constexpr size_t aligned(size_t bytes) {
    return (bytes + LAC_MEMORY_ALIGNMENT - 1) / LAC_MEMORY_ALIGNMENT * LAC_MEMORY_ALIGNMENT;
}

class Carver {
public:
    explicit Carver(void *memory) : memory_(static_cast<uint8_t *>(memory)) {}
    template <class T>
    T *take(int64_t count) {
        T *piece = memory_ ? reinterpret_cast<T *>(memory_ + used_) : nullptr;
        used_ += aligned(static_cast<size_t>(count) * sizeof(T));
        return piece;
    }
    size_t used() const { return used_; }

private:
    uint8_t *memory_;
    size_t used_ = 0;
};

}  // namespace lacuna
