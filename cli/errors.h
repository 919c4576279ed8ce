// How a command ends. Commands throw a Failure; main prints it and exits with its code.
#pragma once
#include <stdexcept>
#include <string>

namespace lacuna {

enum ExitCode : int {
    kOk = 0,
    kFinding = 1,  // the command worked and found something to report
    kUsage = 2,
    kBadInput = 3,  // a file or the system, not the command line
    kUnsupportedTarget = 4,
    kInternal = 70,
};

// The message is one line: what was wrong, where, and what would be right.
struct Failure : std::runtime_error {
    Failure(int code, const std::string &message) : std::runtime_error(message), exit_code(code) {}
    int exit_code;
};

inline Failure usage(const std::string &message) { return {kUsage, message}; }
inline Failure bad_input(const std::string &message) { return {kBadInput, message}; }
inline Failure unsupported(const std::string &message) { return {kUnsupportedTarget, message}; }

}  // namespace lacuna
