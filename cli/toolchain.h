// The compiler and archiver that generate calls: clang compiles the freestanding runtime for any
// triple without an SDK, llvm-ar writes every platform's archive format.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "schedules/targets.h"

namespace lacuna {

std::string clang_program();    // $LACUNA_CLANG, else clang++-19, else clang++
std::string archive_program();  // $LACUNA_AR, else llvm-ar-19, else llvm-ar

std::string linker_program();        // $LACUNA_LLD, else ld.lld-19, else ld.lld
std::string disassembler_program();  // $LACUNA_MC, else llvm-mc-19, else llvm-mc
std::string simulator_program();     // $LACUNA_MCA, else llvm-mca-19, else llvm-mca

// How the runtime's sources are compiled, but for paths: the object hangs on it.
std::vector<std::string> compile_options(const Platform &platform);
// Compiles a C++ source for the platform; `include` holds the embedded headers.
void compile_source(const Platform &platform, const std::filesystem::path &source,
                    const std::filesystem::path &include, const std::filesystem::path &object);

// A shared library for this machine.
void link_shared(const std::vector<std::filesystem::path> &objects,
                 const std::filesystem::path &library);

// A plugin of an emulator, which has the symbols that it leaves undefined, from a C source.
void link_plugin(const std::filesystem::path &source, const std::filesystem::path &library);

// Without a system: by clang and lld, for an emulator.
bool bare(const Platform &platform);

// The driver for another machine from its sources (cli/driver) and the bundle lac, by the C
// compiler for `triple` that is in PATH, or $LACUNA_CC; with an option of the compiler's, or "".
void link_program(const Platform &platform, const std::string &triple,
                  const std::filesystem::path &sources, const std::filesystem::path &bundle,
                  const std::filesystem::path &program, const std::string &option);

// One static library, members in the given order, without dates or owners.
void write_archive(const Platform &platform, const std::filesystem::path &library,
                   const std::vector<std::filesystem::path> &objects);

}  // namespace lacuna
