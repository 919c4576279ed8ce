#include "cli/toolchain.h"

#include <unistd.h>

#include <cstdlib>
#include <sstream>

#include "cli/errors.h"
#include "cli/process.h"

namespace lacuna {

namespace fs = std::filesystem;

namespace {

// Freestanding: no header of the platform and none of the C++ library. Without math errno a square
// root is an instruction instead of a call into libm.
constexpr const char *kCompileOptions[] = {"-std=c++17",
                                           "-O2",
                                           "-ffreestanding",
                                           "-nostdinc++",
                                           "-fno-exceptions",
                                           "-fno-rtti",
                                           "-fno-math-errno",
                                           "-fno-stack-protector",
                                           "-fno-ident",
                                           "-ffunction-sections",
                                           "-fno-asynchronous-unwind-tables"};

bool in_path(const std::string &program) {
    const char *path = std::getenv("PATH");
    std::istringstream dirs(path ? path : "");
    for (std::string dir; std::getline(dirs, dir, ':');)
        if (access((dir + "/" + program).c_str(), X_OK) == 0) return true;
    return false;
}

std::string find_program(const char *variable, const std::vector<std::string> &names) {
    if (const char *chosen = std::getenv(variable); chosen && *chosen) return chosen;
    for (const std::string &name : names)
        if (in_path(name)) return name;
    throw bad_input("found none of " + names.front() + ", " + names.back() +
                    " in PATH; install it or set " + variable);
}

void check(const Finished &finished, const std::string &what) {
    if (finished.exit_code == 0) return;
    throw Failure(
        finished.exit_code == 127 ? kBadInput : kInternal,
        what + " failed (exit " + std::to_string(finished.exit_code) + "): " + finished.output);
}

// As distributions name them, with MinGW's for Windows, and Android's NDK, which puts its API level
// into the name.
std::vector<std::string> cross_compilers(const Platform &platform, const std::string &triple) {
    if (triple == "host") return {"cc", "gcc"};
    std::string plain = triple;
    if (const size_t at = plain.find("-unknown"); at != std::string::npos)
        plain.erase(at, std::string("-unknown").size());
    std::vector<std::string> names{plain + "-gcc"};
    const std::string usual = platform.arch + plain.substr(plain.find('-'));  // of armv7-…
    if (usual != plain) names.push_back(usual + "-gcc");
    for (int level = 40; platform.halide_os == Halide::Target::Android && level >= 21; level--)
        names.push_back(plain + std::to_string(level) + "-clang");
    if (platform.halide_os == Halide::Target::Windows)
        names.push_back(platform.arch + std::string("-w64-mingw32-gcc"));
    names.push_back(plain + "-clang");
    return names;
}

void link_bare_program(const Platform &platform, const fs::path &sources, const fs::path &bundle,
                       const fs::path &program) {
    std::vector<std::string> link{linker_program(), "-static", "--gc-sections", "-o",
                                  program.string()};
    for (const char *name :
         {"hexagon_start.S", "driver.c", "caches.c", "hexagon_system.c", "hexagon_libc.cpp"}) {
        const fs::path source = sources / name;
        const std::string object = source.string() + ".o", ending = source.extension().string();
        std::vector<std::string> command{clang_program(),
                                         std::string("--target=") + platform.clang_triple, "-mv66"};
        if (ending != ".S")
            for (const char *option : {"-O2", "-ffreestanding", "-fno-builtin", "-fno-exceptions",
                                       "-ffunction-sections"})
                command.emplace_back(option);
        if (ending == ".c") command.insert(command.end(), {"-x", "c", "-std=c99"});
        command.insert(command.end(),
                       {"-I" + (bundle / "include").string(), "-c", source.string(), "-o", object});
        check(run_process(command), "compiling the driver's " + source.filename().string());
        link.push_back(object);
    }
    link.push_back((bundle / "lib" / "liblac.a").string());
    check(run_process(link), "linking the driver with " + link[0]);
}

}  // namespace

std::string linker_program() { return find_program("LACUNA_LLD", {"ld.lld-19", "ld.lld"}); }
std::string clang_program() { return find_program("LACUNA_CLANG", {"clang++-19", "clang++"}); }
std::string archive_program() { return find_program("LACUNA_AR", {"llvm-ar-19", "llvm-ar"}); }

std::string disassembler_program() { return find_program("LACUNA_MC", {"llvm-mc-19", "llvm-mc"}); }
std::string simulator_program() { return find_program("LACUNA_MCA", {"llvm-mca-19", "llvm-mca"}); }

std::vector<std::string> compile_options(const Platform &platform) {
    std::vector<std::string> options(std::begin(kCompileOptions), std::end(kCompileOptions));
    const bool windows = platform.halide_os == Halide::Target::Windows;
    if (windows) options.emplace_back("-mno-incremental-linker-compatible");  // no dates
    if (!windows && platform.halide_arch != Halide::Target::WebAssembly)
        options.emplace_back("-fPIC");
    if (platform.halide_arch == Halide::Target::Hexagon) options.emplace_back("-mv66");
    // Else atomic additions become calls into the compiler's library.
    if (platform.clang_triple == std::string("aarch64-unknown-linux-gnu"))
        options.emplace_back("-mno-outline-atomics");
    return options;
}

void compile_source(const Platform &platform, const fs::path &source, const fs::path &include,
                    const fs::path &object) {
    const std::string root = include.string();
    std::vector<std::string> command{clang_program(),
                                     std::string("--target=") + platform.clang_triple};
    for (const std::string &option : compile_options(platform)) command.push_back(option);
    for (const std::string &option :
         {"-ffile-prefix-map=" + root + "=.", "-I" + root, "-I" + root + "/runtime/include",
          std::string("-c"), source.string(), std::string("-o"), object.string()})
        command.push_back(option);
    check(run_process(command), "compiling " + source.filename().string());
}

void link_shared(const std::vector<fs::path> &objects, const fs::path &library) {
    std::vector<std::string> command{clang_program(), "-shared", "-nostdlib++", "-o",
                                     library.string()};
    for (const fs::path &o : objects) command.push_back(o.string());
    check(run_process(command), "linking " + library.filename().string());
}

void link_plugin(const fs::path &source, const fs::path &library) {
    check(run_process({clang_program(), "-x", "c", "-std=c99", "-O2", "-shared", "-fPIC",
                       "-fvisibility=hidden", "-o", library.string(), source.string()}),
          "building " + library.filename().string());
}

bool bare(const Platform &platform) {
    return platform.halide_arch == Halide::Target::Hexagon &&
           platform.halide_os == Halide::Target::NoOS;
}

void link_program(const Platform &platform, const std::string &triple, const fs::path &sources,
                  const fs::path &bundle, const fs::path &program, const std::string &option) {
    if (bare(platform)) {
        link_bare_program(platform, sources, bundle, program);
        return;
    }
    std::vector<std::string> command{find_program("LACUNA_CC", cross_compilers(platform, triple)),
                                     "-std=c99",
                                     "-O2",
                                     "-I" + (bundle / "include").string(),
                                     (sources / "driver.c").string(),
                                     (sources / "caches.c").string(),
                                     (sources / "hosted.c").string(),
                                     "-o",
                                     program.string(),
                                     "-L" + (bundle / "lib").string(),
                                     "-llac",
                                     "-pthread"};
    if (!option.empty()) command.push_back(option);
    // Needs nothing of the system where it runs.
    const std::string os = platform.os;
    if (os == "linux" || os == "android" || os == "windows") command.emplace_back("-static");
    check(run_process(command), "building the driver with " + command[0]);
}

void write_archive(const Platform &platform, const fs::path &library,
                   const std::vector<fs::path> &objects) {
    std::vector<std::string> command{archive_program(), std::string("--format=") + platform.archive,
                                     "rcsD", library.string()};
    for (const fs::path &o : objects) command.push_back(o.string());
    check(run_process(command), "archiving " + library.filename().string());
}

}  // namespace lacuna
