// Tensors in NumPy's .npy files. The reader is strict: what it accepts, it has understood to the
// last byte; everything else is a Failure that names the file.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace lacuna {

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

struct Array {
    std::vector<int64_t> shape;
    std::vector<float> data;  // C order
};

Array parse_npy(const std::string &bytes, const std::string &name);
Array read_npy(const std::string &path);

// The bytes that numpy.save writes for the same array.
std::string npy_bytes(const Array &array);
void write_npy(const std::string &path, const Array &array);

}  // namespace lacuna
