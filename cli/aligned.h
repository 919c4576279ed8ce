// Memory that begins with a line of the cache, as that of tensors in frameworks does.
#pragma once
#include <cstddef>
#include <new>
#include <vector>

namespace lacuna {

template <class T>
struct LineAligned {
    using value_type = T;
    static constexpr std::align_val_t kLine{64};

    LineAligned() = default;
    template <class U>
    LineAligned(const LineAligned<U> &) {}
    T *allocate(std::size_t count) {
        return static_cast<T *>(::operator new(count * sizeof(T), kLine));
    }
    void deallocate(T *p, std::size_t) { ::operator delete(p, kLine); }
    template <class U>
    bool operator==(const LineAligned<U> &) const {
        return true;
    }
    template <class U>
    bool operator!=(const LineAligned<U> &) const {
        return false;
    }
};

template <class T>
using AlignedVector = std::vector<T, LineAligned<T>>;

}  // namespace lacuna
