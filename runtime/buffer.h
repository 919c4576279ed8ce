// The buffer struct that Halide's ahead-of-time kernels take (HalideRuntime.h, checked against it
// in abi_test.cpp), declared here so that a bundle needs no Halide header.
#pragma once
#include <stdint.h>

#include "runtime/elements.h"

namespace lacuna {

struct HalideDimension {
    int32_t min, extent, stride;
    uint32_t flags;
};
struct HalideType {
    uint8_t code, bits;
    uint16_t lanes;
};
struct HalideBuffer {
    uint64_t device;
    const void *device_interface;
    uint8_t *host;
    uint64_t flags;
    HalideType type;
    int32_t dimensions;
    HalideDimension *dim;
    void *padding;
};

template <class T>
struct HalideTypeOf;
template <>
struct HalideTypeOf<float> {
    static constexpr HalideType value{2, 32, 1};
};
template <>
struct HalideTypeOf<int32_t> {
    static constexpr HalideType value{0, 32, 1};
};
template <>
struct HalideTypeOf<uint32_t> {
    static constexpr HalideType value{1, 32, 1};
};
template <>
struct HalideTypeOf<uint16_t> {
    static constexpr HalideType value{1, 16, 1};
};
template <>
struct HalideTypeOf<uint8_t> {
    static constexpr HalideType value{1, 8, 1};
};

inline HalideType halide_type(lac_type type) {
    if (type == LAC_F16) return {2, 16, 1};
    if (type == LAC_BF16) return {4, 16, 1};
    if (type == LAC_I8) return {0, 8, 1};
    if (type == LAC_I16) return {0, 16, 1};
    return HalideTypeOf<float>::value;
}

struct Dim {
    int32_t extent, stride;
};

// A view of N dimensions, innermost first; strides in elements.
template <int N>
class View {
public:
    template <class T, class... Dims>
    View(T *data, Dims... dims) : View(HalideTypeOf<Plain<T>>::value, data, dims...) {}
    template <class... Dims>
    View(const Elements &elements, Dims... dims)
        : View(halide_type(elements.type), elements.data, dims...) {}
    View(const View &) = delete;
    View &operator=(const View &) = delete;
    HalideBuffer *operator&() { return &buffer_; }

private:
    template <class... Dims>
    View(const HalideType &type, const void *data, Dims... dims) {
        static_assert(sizeof...(Dims) == N, "one Dim a dimension");
        const Dim list[] = {dims...};
        for (int i = 0; i < N; i++) dim_[i] = {0, list[i].extent, list[i].stride, 0};
        buffer_ = {0, nullptr, bytes_of(data), 0, type, N, dim_, nullptr};
    }
    template <class T>
    struct Strip {
        using type = T;
    };
    template <class T>
    struct Strip<const T> {
        using type = T;
    };
    template <class T>
    using Plain = typename Strip<T>::type;
    static uint8_t *bytes_of(const void *data) {
        return static_cast<uint8_t *>(const_cast<void *>(data));
    }
    HalideBuffer buffer_;
    HalideDimension dim_[N];
};

}  // namespace lacuna
