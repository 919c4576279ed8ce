// What count_plugin.c printed, on stdin: a line "cycles CPU N" on stdout for every call and CPU.
#include "cli/block_cycles.h"

#include <exception>
#include <iostream>
#include <iterator>

int main() {
    using namespace lacuna;
    try {
        const std::string output(std::istreambuf_iterator<char>(std::cin), {});
        const std::vector<CountedCall> calls = counted_calls(output);
        for (const char *cpu : kModelledCpus)
            for (const int64_t cycles : cycles_of(calls, cpu))
                std::cout << "cycles " << cpu << ' ' << cycles << '\n';
        return 0;
    } catch (const std::exception &error) {
        std::cerr << "block_cycles: " << error.what() << '\n';
        return 1;
    }
}
