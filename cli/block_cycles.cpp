#include "cli/block_cycles.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <tuple>

#include "cli/errors.h"
#include "cli/files.h"
#include "cli/process.h"
#include "cli/scratch.h"
#include "cli/toolchain.h"

namespace lacuna {

namespace {

using Code = std::vector<uint32_t>;

constexpr int kRuns = 100;
constexpr double kSimulated = 0.995;  // of a call's instructions

// Bytes in the order of memory, which is little-endian. Code of other machines has no words.
Code words_of(const std::string &hex) {
    Code words;
    for (size_t at = 0; at + 8 <= hex.size(); at += 8) {
        uint32_t word = 0;
        for (size_t i = 4; i-- > 0;)
            word = word << 8 |
                   static_cast<uint32_t>(std::stoul(hex.substr(at + 2 * i, 2), nullptr, 16));
        words.push_back(word);
    }
    return words;
}

// Of the class of branches, exceptions and system instructions, after which a translation may end.
bool may_leave(uint32_t word) { return (word >> 26 & 7) == 5; }

uint64_t end_of(const CodeBlock &block) { return block.address + 4 * block.code.size(); }
uint64_t weight_of(const CodeBlock &block) { return block.runs * block.code.size(); }

// Blocks of most instructions first; those of equal weight in the order of memory.
std::vector<CodeBlock> hot_blocks(const CountedCall &call) {
    std::vector<CodeBlock> blocks = joined(call.blocks);
    std::sort(blocks.begin(), blocks.end(), [](const CodeBlock &a, const CodeBlock &b) {
        const uint64_t of_a = weight_of(a), of_b = weight_of(b);
        return std::tie(of_b, a.address, a.code) < std::tie(of_a, b.address, b.code);
    });
    const double enough = kSimulated * static_cast<double>(call.instructions);
    double sum = 0;
    size_t count = 0;
    while (count < blocks.size() && sum < enough)
        sum += static_cast<double>(weight_of(blocks[count++]));
    blocks.resize(count);
    return blocks;
}

// Assembly of instructions, each a line.
std::map<uint32_t, std::string> disassembled(const std::set<uint32_t> &words,
                                             const Scratch &scratch) {
    std::ostringstream input;
    for (const uint32_t word : words) {
        for (int shift = 0; shift < 32; shift += 8) input << (word >> shift & 255) << ' ';
        input << '\n';
    }
    write_file(scratch.at("code"), input.str());
    const Finished finished =
        run_process({disassembler_program(), "--disassemble", "--triple=aarch64", "--mattr=+all",
                     scratch.at("code").string()});
    std::istringstream lines(finished.output);
    std::string line;
    std::getline(lines, line);  // .text
    std::map<uint32_t, std::string> texts;
    for (const uint32_t word : words) {
        if (finished.exit_code != 0 || !std::getline(lines, line))
            throw bad_input("llvm-mc: cannot disassemble what ran: " + finished.output);
        texts[word] = line;
    }
    return texts;
}

// Cycles of one run of each, by one run of llvm-mca over regions of its input.
std::map<Code, double> simulated(const std::set<Code> &codes, const std::string &cpu) {
    std::set<uint32_t> words;
    for (const Code &code : codes) words.insert(code.begin(), code.end());
    const Scratch scratch("cycles");
    const std::map<uint32_t, std::string> texts = disassembled(words, scratch);
    std::string regions;
    for (const Code &code : codes) {
        regions += "# LLVM-MCA-BEGIN\n";
        for (const uint32_t word : code) regions += texts.at(word) + "\n";
        regions += "# LLVM-MCA-END\n";
    }
    write_file(scratch.at("regions.s"), regions);
    const std::string report = scratch.at("report").string();
    const Finished finished = run_process(
        {simulator_program(), "--mtriple=aarch64", "--mcpu=" + cpu,
         "--iterations=" + std::to_string(kRuns), "--instruction-info=0", "--resource-pressure=0",
         "--json", "-o", report, scratch.at("regions.s").string()});
    if (finished.exit_code != 0) throw bad_input("llvm-mca --mcpu=" + cpu + ": " + finished.output);
    const auto json = nlohmann::json::parse(read_file(report));
    const auto &found = json.at("CodeRegions");
    if (found.size() != codes.size())
        throw bad_input("llvm-mca --mcpu=" + cpu + ": " + std::to_string(found.size()) +
                        " regions, expected " + std::to_string(codes.size()));
    std::map<Code, double> cycles;
    size_t at = 0;
    for (const Code &code : codes)
        cycles[code] = found[at++].at("SummaryView").at("TotalCycles").get<double>() / kRuns;
    return cycles;
}

}  // namespace

std::vector<CountedCall> counted_calls(const std::string &output) {
    std::vector<CountedCall> calls;
    std::vector<CodeBlock> blocks;
    std::istringstream lines(output);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string word, hex;
        CodeBlock block{};
        int64_t instructions = 0;
        words >> word;
        if (word == "block" &&
            words >> std::hex >> block.address >> std::dec >> block.runs >> hex) {
            block.code = words_of(hex);
            blocks.push_back(std::move(block));
        } else if (word == "instructions" && words >> instructions) {
            calls.push_back({instructions, std::move(blocks)});
            blocks.clear();
        }
    }
    return calls;
}

std::vector<CodeBlock> joined(std::vector<CodeBlock> blocks) {
    std::sort(blocks.begin(), blocks.end(), [](const CodeBlock &a, const CodeBlock &b) {
        return std::tie(a.address, a.runs, a.code) < std::tie(b.address, b.runs, b.code);
    });
    std::map<uint64_t, CodeBlock *> by_address;  // of several the one that ran most
    // From the last: what follows a block has been joined itself.
    for (size_t i = blocks.size(); i-- > 0;) {
        CodeBlock &block = blocks[i];
        const auto next = by_address.find(end_of(block));
        if (!block.code.empty() && !may_leave(block.code.back()) && next != by_address.end() &&
            next->second->runs >= block.runs) {
            next->second->runs -= block.runs;
            block.code.insert(block.code.end(), next->second->code.begin(),
                              next->second->code.end());
        }
        by_address.emplace(block.address, &block);
    }
    blocks.erase(std::remove_if(blocks.begin(), blocks.end(),
                                [](const CodeBlock &b) { return b.runs == 0 || b.code.empty(); }),
                 blocks.end());
    return blocks;
}

std::vector<int64_t> cycles_of(const std::vector<CountedCall> &calls, const std::string &cpu) {
    std::vector<std::vector<CodeBlock>> hot;
    std::set<Code> codes;
    for (const CountedCall &call : calls) {
        hot.push_back(hot_blocks(call));
        for (const CodeBlock &block : hot.back()) codes.insert(block.code);
    }
    if (codes.empty()) return std::vector<int64_t>(calls.size(), 0);
    const std::map<Code, double> of_one = simulated(codes, cpu);
    std::vector<int64_t> cycles;
    for (size_t i = 0; i < calls.size(); i++) {
        double sum = 0, instructions = 0;
        for (const CodeBlock &block : hot[i]) {
            sum += static_cast<double>(block.runs) * of_one.at(block.code);
            instructions += static_cast<double>(weight_of(block));
        }
        cycles.push_back(
            std::llround(sum * static_cast<double>(calls[i].instructions) / instructions));
    }
    return cycles;
}

std::vector<CallCounts> counts_of(const std::vector<CountedCall> &calls, const char *unit,
                                  bool modelled) {
    std::vector<CallCounts> counts;
    for (const CountedCall &call : calls) counts.push_back({unit, call.instructions, {}});
    if (!modelled) return counts;
    try {
        for (const char *cpu : kModelledCpus) {
            const std::vector<int64_t> cycles = cycles_of(calls, cpu);
            for (size_t i = 0; i < calls.size(); i++) counts[i].cycles.emplace_back(cpu, cycles[i]);
        }
    } catch (const Failure &failure) {
        std::fprintf(stderr, "lacuna: no cycles: %s\n", failure.what());
    }
    return counts;
}

nlohmann::ordered_json counts_json(const std::string &prefix, const CallCounts &counts) {
    nlohmann::ordered_json json = {{prefix + counts.unit, counts.executed}};
    for (const auto &[cpu, cycles] : counts.cycles) json[prefix + "cycles"][cpu] = cycles;
    return json;
}

CallCounts counts_in(const nlohmann::ordered_json &json) {
    CallCounts counts{};
    for (const auto &[key, value] : json.items()) {
        if (key != "cycles") {
            counts.unit = key;
            counts.executed = value.get<int64_t>();
            continue;
        }
        for (const auto &[cpu, cycles] : value.items())
            counts.cycles.emplace_back(cpu, cycles.get<int64_t>());
    }
    return counts;
}

}  // namespace lacuna
