// Arrays in NumPy's .npy files. The reader is strict: what it accepts, it has understood to the
// last byte; everything else is a Failure that names the file.
#pragma once
#include "cli/npy_header.h"
#include "runtime/include/lacuna/lacuna.h"

namespace lacuna {

template <class Element>
struct ArrayOf {
    std::vector<int64_t> shape;
    std::vector<Element> data;  // C order
};
using Array = ArrayOf<float>;
using BoolArray = ArrayOf<uint8_t>;     // 0 or 1
using IntegerArray = ArrayOf<int64_t>;  // of int32 or int64

// Of float32, or of float16, which is widened.
Array parse_npy(const std::string &bytes, const std::string &name);
BoolArray parse_npy_bools(const std::string &bytes, const std::string &name);
IntegerArray parse_npy_integers(const std::string &bytes, const std::string &name);

Array read_npy(const std::string &path);
BoolArray read_npy_bools(const std::string &path);
IntegerArray read_npy_integers(const std::string &path);

// The bytes that numpy.save writes for the same array: of float16 for LAC_F16, else of float32, as
// NumPy has no bfloat16.
std::string npy_bytes(const Array &array, lac_type type = LAC_F32);
void write_npy(const std::string &path, const Array &array, lac_type type = LAC_F32);

}  // namespace lacuna
