// The layouts that others rely on: Halide's buffers as the runtime declares them, and the public
// structs as C and C++ see them.
#include <HalideRuntime.h>
#include <gtest/gtest.h>

#include <array>
#include <type_traits>
#include <utility>

#include "runtime/buffer.h"
#include "runtime/include/lacuna/lacuna.h"

extern "C" {
size_t header_c99_layout(size_t *sizes, size_t capacity);
lac_status header_c99_parse(const char *text, lac_pattern *pattern);
lac_status header_c99_spoilt_calls(void);
}

namespace lacuna {
namespace {

// NOLINTBEGIN(bugprone-sizeof-expression): the sizes of pointers are what is compared.
#define SAME_FIELD(Ours, our_field, Theirs, their_field)                       \
    static_assert(offsetof(Ours, our_field) == offsetof(Theirs, their_field)); \
    static_assert(sizeof(Ours::our_field) == sizeof(Theirs::their_field))

static_assert(sizeof(HalideDimension) == sizeof(halide_dimension_t));
static_assert(alignof(HalideDimension) == alignof(halide_dimension_t));
SAME_FIELD(HalideDimension, min, halide_dimension_t, min);
SAME_FIELD(HalideDimension, extent, halide_dimension_t, extent);
SAME_FIELD(HalideDimension, stride, halide_dimension_t, stride);
SAME_FIELD(HalideDimension, flags, halide_dimension_t, flags);

// alignof differs on purpose: Halide aligns its type to 32 bits, which the buffer gives anyway.
static_assert(sizeof(HalideType) == sizeof(halide_type_t));
SAME_FIELD(HalideType, code, halide_type_t, code);
SAME_FIELD(HalideType, bits, halide_type_t, bits);
SAME_FIELD(HalideType, lanes, halide_type_t, lanes);

static_assert(sizeof(HalideBuffer) == sizeof(halide_buffer_t));
static_assert(alignof(HalideBuffer) == alignof(halide_buffer_t));
SAME_FIELD(HalideBuffer, device, halide_buffer_t, device);
SAME_FIELD(HalideBuffer, device_interface, halide_buffer_t, device_interface);
SAME_FIELD(HalideBuffer, host, halide_buffer_t, host);
SAME_FIELD(HalideBuffer, flags, halide_buffer_t, flags);
SAME_FIELD(HalideBuffer, type, halide_buffer_t, type);
SAME_FIELD(HalideBuffer, dimensions, halide_buffer_t, dimensions);
SAME_FIELD(HalideBuffer, dim, halide_buffer_t, dim);
SAME_FIELD(HalideBuffer, padding, halide_buffer_t, padding);

#undef SAME_FIELD
// NOLINTEND(bugprone-sizeof-expression)

template <class T>
void expect_type_of() {
    const halide_type_t theirs = halide_type_of<T>();
    EXPECT_EQ(HalideTypeOf<T>::value.code, theirs.code);
    EXPECT_EQ(HalideTypeOf<T>::value.bits, theirs.bits);
    EXPECT_EQ(HalideTypeOf<T>::value.lanes, theirs.lanes);
}

TEST(Abi, TypeCodesAreHalides) {
    static_assert(halide_type_int == 0 && halide_type_uint == 1 && halide_type_float == 2);
    expect_type_of<float>();
    expect_type_of<int32_t>();
    expect_type_of<uint32_t>();
    expect_type_of<uint8_t>();
    const std::pair<lac_type, halide_type_t> elements[] = {
        {LAC_F32, halide_type_of<float>()},
        {LAC_F16, halide_type_t(halide_type_float, 16)},
        {LAC_BF16, halide_type_t(halide_type_bfloat, 16)}};
    for (const auto &[ours, theirs] : elements) {
        EXPECT_EQ(halide_type(ours).code, theirs.code);
        EXPECT_EQ(halide_type(ours).bits, theirs.bits);
        EXPECT_EQ(type_bytes(ours), theirs.bytes());
    }
}

// Read back through Halide's own struct, as a kernel does.
TEST(Abi, ViewsAreHalideBuffers) {
    const float data[24] = {};
    View<2> view(data, Dim{4, 1}, Dim{6, 4});
    halide_buffer_t buffer;
    static_assert(std::is_trivially_copyable_v<halide_type_t>);
    memcpy(static_cast<void *>(&buffer), &view, sizeof buffer);
    EXPECT_EQ(buffer.host, reinterpret_cast<const uint8_t *>(data));
    EXPECT_EQ(buffer.dimensions, 2);
    EXPECT_EQ(buffer.device, 0u);
    EXPECT_EQ(buffer.device_interface, nullptr);
    EXPECT_EQ(buffer.flags, 0u);
    EXPECT_TRUE(buffer.type == halide_type_of<float>());
    EXPECT_EQ(buffer.dim[0], halide_dimension_t(0, 4, 1));
    EXPECT_EQ(buffer.dim[1], halide_dimension_t(0, 6, 4));
    EXPECT_FALSE(buffer.is_bounds_query());
    EXPECT_EQ(buffer.size_in_bytes(), sizeof data);
}

// In the order of header_c99.c.
constexpr size_t kLayout[] = {sizeof(lac_atom),
                              sizeof(lac_pattern),
                              sizeof(lac_pattern_error),
                              sizeof(lac_request),
                              sizeof(lac_kernel),
                              sizeof(lac_shape),
                              sizeof(lac_tensor),
                              sizeof(lac_lists),
                              sizeof(lac_list_error),
                              sizeof(lac_args),
                              sizeof(lac_status),
                              sizeof(lac_type),
                              offsetof(lac_pattern, atom),
                              offsetof(lac_pattern_error, found),
                              offsetof(lac_request, pattern),
                              offsetof(lac_request, value_type),
                              offsetof(lac_request, arithmetic),
                              offsetof(lac_kernel, name),
                              offsetof(lac_shape, lists),
                              offsetof(lac_lists, starts),
                              offsetof(lac_lists, checked),
                              offsetof(lac_tensor, data),
                              offsetof(lac_tensor, token_stride),
                              offsetof(lac_tensor, scales),
                              offsetof(lac_args, parallel_context),
                              offsetof(lac_args, alibi_slopes)};

TEST(Abi, CAndCppSeeTheSameStructs) {
    std::array<size_t, 64> sizes{};
    ASSERT_EQ(header_c99_layout(sizes.data(), sizes.size()), std::size(kLayout));
    for (size_t i = 0; i < std::size(kLayout); i++) EXPECT_EQ(sizes[i], kLayout[i]) << i;
}

TEST(Abi, CCallsLinkAndRefuse) {
    lac_pattern pattern;
    EXPECT_EQ(header_c99_parse("window:4", &pattern), LAC_OK);
    EXPECT_EQ(pattern.atom[0].arg[0], 4);
    EXPECT_EQ(header_c99_parse("window:", &pattern), LAC_BAD_PATTERN);
    EXPECT_EQ(header_c99_spoilt_calls(), LAC_BAD_ARGUMENT);
}

// What a caller may have stored or compiled in: a change is a change of LAC_ABI_VERSION.
TEST(Abi, NumbersStay) {
    EXPECT_EQ(LAC_ABI_VERSION, 6);
    EXPECT_EQ(LAC_OK, 0);
    EXPECT_EQ(LAC_BAD_ARGUMENT, 1);
    EXPECT_EQ(LAC_OVERLAP, 15);
    EXPECT_EQ(LAC_F32, 1);
    EXPECT_EQ(LAC_F16, 2);
    EXPECT_EQ(LAC_BF16, 3);
    EXPECT_EQ(LAC_I8, 4);
    EXPECT_EQ(sizeof(lac_status), sizeof(int));
}

}  // namespace
}  // namespace lacuna
