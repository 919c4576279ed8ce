// Numbers in text, as printf has them.
#pragma once
#include <cstdarg>
#include <cstdio>
#include <string>

namespace lacuna {

__attribute__((format(printf, 1, 2))) inline std::string format(const char *pattern, ...) {
    char text[400];
    std::va_list values;
    va_start(values, pattern);
    std::vsnprintf(text, sizeof text, pattern, values);
    va_end(values);
    return text;
}

}  // namespace lacuna
