// Files of this project that `lacuna` carries: the runtime's sources, compiled again for each
// bundle's triple, the public headers and kernels.json. cmake/embed.cmake writes the table.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace lacuna {

struct EmbeddedFile {
    std::string_view path, text;
};

const std::vector<EmbeddedFile> &embedded_files();
std::string_view embedded_file(std::string_view path);  // must exist

// SHA-256 over everything that decides what a kernel's code is.
std::string_view generator_hash();
// The sources among embedded_files() that make up the runtime.
const std::vector<std::string_view> &runtime_sources();

}  // namespace lacuna
