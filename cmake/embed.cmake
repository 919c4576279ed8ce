# Writes OUT, a C++ file that holds the text of FILES and DATA (relative to ROOT), the list of
# runtime SOURCES among them, and a hash over FILES and GENERATORS.
# cmake -DROOT=… -DOUT=… -DFILES=a,b -DDATA=e -DSOURCES=a -DGENERATORS=c,d -P embed.cmake
cmake_minimum_required(VERSION 3.28)
foreach(list FILES DATA SOURCES GENERATORS)
  string(REPLACE "," ";" ${list} "${${list}}")
endforeach()

set(rows "")
set(hashes "")
foreach(file IN LISTS FILES DATA)
  file(READ ${ROOT}/${file} text)
  string(LENGTH "${text}" length)
  if(length GREATER 60000) # 65,536 characters are what a compiler must accept
    message(FATAL_ERROR "${file} is too long to embed in one literal")
  endif()
  string(APPEND rows "    {\"${file}\", R\"LACUNA(${text})LACUNA\"},\n")
endforeach()
foreach(file IN LISTS FILES GENERATORS)
  file(SHA256 ${ROOT}/${file} hash)
  string(APPEND hashes "${hash}")
endforeach()
string(SHA256 hash "${hashes}")
set(sources "")
foreach(file IN LISTS SOURCES)
  string(APPEND sources "\"${file}\", ")
endforeach()

file(WRITE ${OUT}.new "#include \"cli/embedded.h\"

#include <stdexcept>

namespace lacuna {

const std::vector<EmbeddedFile> &embedded_files() {
    static const std::vector<EmbeddedFile> files = {
${rows}    };
    return files;
}

std::string_view embedded_file(std::string_view path) {
    for (const EmbeddedFile &file : embedded_files())
        if (file.path == path) return file.text;
    throw std::logic_error(\"not embedded: \" + std::string(path));
}

std::string_view generator_hash() { return \"${hash}\"; }

const std::vector<std::string_view> &runtime_sources() {
    static const std::vector<std::string_view> sources = {${sources}};
    return sources;
}

}  // namespace lacuna
")
file(COPY_FILE ${OUT}.new ${OUT} ONLY_IF_DIFFERENT)
