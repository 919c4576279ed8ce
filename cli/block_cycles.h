// What an emulator counted of a call (cli/driver/count_plugin.c), and the cycles that the same
// blocks of code would take on CPUs of arm-64 whose pipelines llvm-mca knows.
#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

namespace lacuna {

struct CodeBlock {
    uint64_t address, runs;
    std::vector<uint32_t> code;  // instructions of arm-64
};

struct CountedCall {
    int64_t instructions;
    std::vector<CodeBlock> blocks;
};

// Calls in the plugin's output, in their order; other lines are left alone.
std::vector<CountedCall> counted_calls(const std::string &output);

// Blocks that end for no branch, but at the end of a page or of what an emulator translates at
// once, are joined with what follows: cycles hang on no address.
std::vector<CodeBlock> joined(std::vector<CodeBlock> blocks);

// An out-of-order server and an in-order phone.
constexpr const char *kModelledCpus[] = {"neoverse-n1", "cortex-a55"};

// Estimated cycles of each call: of a block its runs times what llvm-mca gives for one of 100 runs
// in a row. Blocks that hold the last 0.5 % of the instructions are taken for as fast as the
// others.
std::vector<int64_t> cycles_of(const std::vector<CountedCall> &calls, const std::string &cpu);

struct CallCounts {
    std::string unit;  // "instructions", or of Hexagon "packets" of them
    int64_t executed;
    std::vector<std::pair<std::string, int64_t>> cycles;  // by CPU; none where none is modelled
};
// `unit` is one of them. Without llvm-mca there are no cycles, which a line on stderr says.
std::vector<CallCounts> counts_of(const std::vector<CountedCall> &calls, const char *unit,
                                  bool modelled);

// "instructions" and "cycles" by CPU, after a prefix such as "dense_"; and back, without one.
nlohmann::ordered_json counts_json(const std::string &prefix, const CallCounts &counts);
CallCounts counts_in(const nlohmann::ordered_json &json);

}  // namespace lacuna
