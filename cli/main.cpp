// lacuna: the command line. Data goes to stdout and talk to stderr, both without colour.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <iostream>

#include "cli/commands.h"
#include "cli/errors.h"

namespace lacuna {

namespace {

// A full disk or a closed pipe must not look like success, and ends a command where it happens.
// Only there: cerr flushes cout too, and so does the end of the program.
class ThrowingOutput {
public:
    ThrowingOutput() { std::cout.exceptions(std::ios::badbit); }
    ~ThrowingOutput() { std::cout.exceptions(std::ios::goodbit); }
    ThrowingOutput(const ThrowingOutput &) = delete;
    ThrowingOutput &operator=(const ThrowingOutput &) = delete;
};

// CLI11 reports what is missing before what it did not understand, which is the likelier mistake:
// of "--patern x" it would say that --pattern is required.
[[noreturn]] void refuse_arguments(const CLI::App &app, const CLI::ParseError &error) {
    std::string help = "lacuna";
    for (const CLI::App *command : app.get_subcommands()) help += " " + command->get_name();
    const std::vector<std::string> unknown = app.remaining(true);
    const std::string what = unknown.empty()
                                 ? error.what()
                                 : "'" + unknown.front() + "' is not " +
                                       (unknown.front()[0] == '-' ? "an option" : "expected here");
    throw usage(what + "\nTry '" + help + " --help'.");
}

void parse_and_run(int argc, char **argv) {
    const ThrowingOutput throwing;
    CLI::App app{"Lacuna compiles attention patterns into small static libraries.", "lacuna"};
    app.set_version_flag("--version", "lacuna " LACUNA_VERSION);
    app.require_subcommand(1);
    for (const auto add : {add_generate, add_run, add_bench, add_autotune, add_show, add_list})
        add(app);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError &error) {
        if (error.get_exit_code() != 0) refuse_arguments(app, error);
        app.exit(error);  // prints the help or the version
    }
    std::cout.flush();
}

int report_output_error(int error) {
    std::cerr << "lacuna: standard output: cannot write: " << std::strerror(error) << '\n';
    return kBadInput;
}

int run(int argc, char **argv) {
    ::signal(SIGPIPE, SIG_IGN);  // a closed pipe is then an error of write()
    try {
        parse_and_run(argc, argv);
        return kOk;
    } catch (const Failure &failure) {
        std::cerr << "lacuna: " << failure.what() << '\n';
        return failure.exit_code;
    } catch (const std::ios_base::failure &) {
        return report_output_error(errno);
    } catch (const std::exception &error) {
        std::cerr << "lacuna: internal error: " << error.what() << '\n';
        return kInternal;
    }
}

}  // namespace

}  // namespace lacuna

int main(int argc, char **argv) { return lacuna::run(argc, argv); }
