// The header of NumPy's .npy files: its text, and what it claims about the data.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace lacuna {

constexpr char kNpyMagic[] = "\x93NUMPY";
constexpr size_t kNpyMagicBytes = 6, kNpyVersionBytes = 2;

struct NpyHeader {
    std::string descr;  // NumPy's type string, "<f4"
    bool fortran = false;
    std::vector<int64_t> shape;
    size_t data_offset = 0;
};

// Format 1.0, 2.0 or 3.0 of a file's bytes; any descr that is a string. name is for messages.
NpyHeader parse_npy_header(const std::string &bytes, const std::string &name);
// Elements of a shape whose data is element_bytes each, checked against what the file holds.
int64_t npy_elements(const NpyHeader &header, int64_t element_bytes, const std::string &bytes,
                     const std::string &name);
// "(2, 3)", "(6,)"
std::string shape_text(const std::vector<int64_t> &shape);
// "float64 ('<f8')"
std::string describe_npy_type(const std::string &descr);

}  // namespace lacuna
