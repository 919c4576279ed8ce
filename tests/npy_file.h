// .npy files of the types that the tool reads but never writes.
#pragma once
#include <string>
#include <vector>

#include "cli/npy_header.h"

namespace lacuna {

template <class Element>
std::string npy_file(const std::string &descr, const std::vector<int64_t> &shape,
                     const std::vector<Element> &data) {
    const std::string text = "{'descr': '" + descr +
                             "', 'fortran_order': False, 'shape': " + shape_text(shape) + ", }\n";
    std::string bytes(kNpyMagic, kNpyMagicBytes);
    bytes +=
        {'\1', '\0', static_cast<char>(text.size() & 255), static_cast<char>(text.size() >> 8)};
    return bytes + text +
           std::string(reinterpret_cast<const char *>(data.data()), data.size() * sizeof(Element));
}

// keeps(list, query, key), where list counts the heads of all sequences.
template <class Keeps>
std::string mask_file(const std::vector<int64_t> &shape, Keeps keeps) {
    const int64_t queries = *(shape.end() - 2), keys = shape.back();
    int64_t lists = 1;
    for (size_t i = 0; i + 2 < shape.size(); i++) lists *= shape[i];
    std::vector<char> data;
    for (int64_t i = 0; i < lists * queries * keys; i++)
        data.push_back(keeps(i / keys / queries, i / keys % queries, i % keys) ? 1 : 0);
    return npy_file("|b1", shape, data);
}

}  // namespace lacuna
