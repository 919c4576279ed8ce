// What fixed8_digest.cpp asks of a target, and gives.
#pragma once
#include <stdint.h>

void say(const char *text);
void say_beside(const char *text);  // what is no part of the digest
uint32_t packets_so_far();          // 0 where nothing counts them
int digest();                       // cases that failed
