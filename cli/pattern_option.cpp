#include "cli/pattern_option.h"

#include <algorithm>

#include "cli/errors.h"
#include "patterns/pattern.h"

namespace lacuna {

namespace {

// Control characters would break the line that the caret points into.
std::string printable(std::string text) {
    for (char &c : text)
        if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) c = '?';
    return text;
}

// Bytes that continue a UTF-8 character take no column on a terminal.
size_t width_of(const std::string &text) {
    return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; });
}

std::string explain(const std::string &text, const std::string &option,
                    const lac_pattern_error &error) {
    const std::string lead = option + " ";
    const bool at_end = static_cast<size_t>(error.column) == text.size();
    const std::string found = at_end ? "the end" : "'" + printable(error.found) + "'";
    std::string line = lead + printable(text) + ": column " + std::to_string(error.column) +
                       ": found " + found + ", expected " + error.expected;
    if (error.nearest) line += std::string(" (did you mean '") + error.nearest + "'?)";
    // main puts "lacuna: " before the first line.
    const size_t column = width_of("lacuna: " + lead + text.substr(0, error.column));
    return line + "\n" + std::string(column, ' ') + "^";
}

template <class Write>
std::string written_by(Write write, const lac_pattern &pattern) {
    std::string text(write(&pattern, nullptr, 0) + 1, '\0');
    write(&pattern, text.data(), text.size());
    text.pop_back();
    return text;
}

}  // namespace

lac_pattern parse_pattern_option(const std::string &text, const std::string &option) {
    lac_pattern pattern{};
    lac_pattern_error error{};
    const lac_status status = lac_pattern_parse(text.c_str(), &pattern, &error);
    if (status == LAC_OK) return pattern;
    if (!error.expected)
        throw usage(option + " " + printable(text) + ": " + lac_status_message(status));
    throw usage(explain(text, option, error));
}

void refuse_single_keys_of_fixed8(const lac_pattern &pattern) {
    if (lists_single_keys(pattern))
        throw usage("--dtype fixed8: " + canonical(pattern) +
                    " lists single keys, expected mask:blocks or a pattern without lists");
}

std::string canonical(const lac_pattern &pattern) { return written_by(lac_pattern_text, pattern); }
std::string slug(const lac_pattern &pattern) { return written_by(lac_pattern_slug, pattern); }

}  // namespace lacuna
