#include "cli/npy.h"

#include <cstring>
#include <stdexcept>

#include "cli/elements.h"
#include "cli/errors.h"
#include "cli/files.h"

namespace lacuna {

namespace {

constexpr size_t kAlignment = 64;

// The header of a C-ordered file of one of these types.
NpyHeader header_of(const std::string &bytes, const std::string &name,
                    std::initializer_list<const char *> descrs, const char *expected) {
    NpyHeader header = parse_npy_header(bytes, name);
    bool known = false;
    for (const char *descr : descrs) known = known || header.descr == descr;
    if (!known)
        throw bad_input(name + ": holds " + describe_npy_type(header.descr) + ", expected " +
                        expected);
    if (header.fortran)
        throw bad_input(name + ": is in Fortran order, expected C order (numpy.ascontiguousarray)");
    return header;
}

template <class Element>
ArrayOf<Element> elements_of(const NpyHeader &header, const std::string &bytes,
                             const std::string &name) {
    const int64_t count = npy_elements(header, sizeof(Element), bytes, name);
    ArrayOf<Element> array{header.shape, std::vector<Element>(static_cast<size_t>(count))};
    if (count > 0)
        std::memcpy(array.data.data(), bytes.data() + header.data_offset,
                    array.data.size() * sizeof(Element));
    return array;
}

}  // namespace

Array parse_npy(const std::string &bytes, const std::string &name) {
    const NpyHeader header =
        header_of(bytes, name, {"<f4", "<f2"}, "float32 ('<f4') or float16 ('<f2')");
    if (header.descr == "<f4") return elements_of<float>(header, bytes, name);
    const ArrayOf<uint16_t> halves = elements_of<uint16_t>(header, bytes, name);
    Array array{halves.shape, {}};
    for (const uint16_t half : halves.data) array.data.push_back(widened(half, LAC_F16));
    return array;
}

BoolArray parse_npy_bools(const std::string &bytes, const std::string &name) {
    BoolArray array =
        elements_of<uint8_t>(header_of(bytes, name, {"|b1"}, "bool ('|b1')"), bytes, name);
    for (size_t i = 0; i < array.data.size(); i++)
        if (array.data[i] > 1)
            throw bad_input(name + ": element " + std::to_string(i) + " is the byte " +
                            std::to_string(array.data[i]) + ", expected 0 or 1 of a bool");
    return array;
}

IntegerArray parse_npy_integers(const std::string &bytes, const std::string &name) {
    const NpyHeader header =
        header_of(bytes, name, {"<i4", "<i8"}, "int32 ('<i4') or int64 ('<i8')");
    if (header.descr == "<i8") return elements_of<int64_t>(header, bytes, name);
    const ArrayOf<int32_t> narrow = elements_of<int32_t>(header, bytes, name);
    return {narrow.shape, {narrow.data.begin(), narrow.data.end()}};
}

Array read_npy(const std::string &path) { return parse_npy(read_file(path), path); }
BoolArray read_npy_bools(const std::string &path) { return parse_npy_bools(read_file(path), path); }
IntegerArray read_npy_integers(const std::string &path) {
    return parse_npy_integers(read_file(path), path);
}

std::string npy_bytes(const Array &array, lac_type type) {
    const bool halves = type == LAC_F16;
    std::string text = std::string("{'descr': '") + (halves ? "<f2" : "<f4") +
                       "', 'fortran_order': False, 'shape': " + shape_text(array.shape) + ", }";
    // NumPy leaves room for the first extent to grow to 21 digits in place.
    if (!array.shape.empty()) text.append(21 - std::to_string(array.shape[0]).size(), ' ');
    const size_t prefix = kNpyMagicBytes + kNpyVersionBytes + 2;
    text.append(kAlignment - (prefix + text.size() + 1) % kAlignment, ' ');
    text += '\n';
    if (text.size() > UINT16_MAX) throw std::length_error("too many dimensions for .npy 1.0");
    std::string bytes(kNpyMagic, kNpyMagicBytes);
    bytes +=
        {'\1', '\0', static_cast<char>(text.size() & 255), static_cast<char>(text.size() >> 8)};
    bytes += text;
    const Stored data = stored(array.data, halves ? LAC_F16 : LAC_F32);
    return bytes.append(data.begin(), data.end());
}

void write_npy(const std::string &path, const Array &array, lac_type type) {
    write_file_atomically(path, npy_bytes(array, type));
}

}  // namespace lacuna
