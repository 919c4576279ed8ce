// fixed8_digest.cpp where there is a libc.
#include <cstdio>

#include "tests/cross/fixed8_digest.h"

void say(const char *text) { std::fputs(text, stdout); }
void say_beside(const char *text) { std::fputs(text, stderr); }
uint32_t packets_so_far() { return 0; }
int main() { return digest(); }
