#include "cli/objective.h"

#include "cli/errors.h"
#include "cli/toolchain.h"

namespace lacuna {

namespace {

constexpr Objective kAll[] = {Objective::kTime, Objective::kInstructions, Objective::kCycles};

// Neoverse N1 is Cortex-A76 with larger caches.
constexpr struct {
    const char *cpu, *model;
} kModels[] = {
    {"neoverse-n1", "neoverse-n1"}, {"cortex-a76", "neoverse-n1"}, {"cortex-a55", "cortex-a55"}};

bool has_simulator() {
    try {
        simulator_program();
        disassembler_program();
        return true;
    } catch (const Failure &) {
        return false;
    }
}

Objective usual(const RemoteDriver *there, const std::string &model) {
    if (!there || !there->counts()) return Objective::kTime;
    return there->has_cycles() && !model.empty() && has_simulator() ? Objective::kCycles
                                                                    : Objective::kInstructions;
}

Objective named(const std::string &text) {
    std::string known;
    for (const Objective objective : kAll) {
        if (text == objective_name(objective)) return objective;
        known += (known.empty() ? "" : ", ") + std::string(objective_name(objective));
    }
    throw usage("--objective " + text + ": expected one of " + known);
}

std::string modelled_cpus() {
    std::string names;
    for (const auto &row : kModels) names += (names.empty() ? "" : ", ") + std::string(row.cpu);
    return names;
}

}  // namespace

const char *objective_name(Objective objective) {
    constexpr const char *kNames[] = {"time", "instructions", "cycles"};
    return kNames[static_cast<int>(objective)];
}

std::string Goal::text() const {
    return objective_name(objective) + (model.empty() ? "" : " of " + model);
}

double Goal::of(const CallCounts &counts) const {
    if (objective == Objective::kInstructions) return static_cast<double>(counts.executed);
    for (const auto &[cpu, cycles] : counts.cycles)
        if (cpu == model) return static_cast<double>(cycles);
    throw bad_input("no cycles of " + model + ": llvm-mca or llvm-mc failed");
}

std::string model_of(const std::string &cpu) {
    for (const auto &row : kModels)
        if (cpu == row.cpu) return row.model;
    return "";
}

Goal goal_of(const std::string &text, const RemoteDriver *there, const std::string &cpu) {
    const std::string model = model_of(cpu);
    const Objective objective = text.empty() ? usual(there, model) : named(text);
    if (objective == Objective::kTime) return {};
    const std::string option = std::string("--objective ") + objective_name(objective) + ": ";
    if (!there) throw usage(option + "expected --target and a --runner that counts, or time");
    if (!there->counts())
        throw usage(option + "--runner " + there->runner().name() +
                    " counts nothing, expected a program of QEMU's that takes plugins, or time");
    if (objective == Objective::kInstructions) return {objective, ""};
    if (!there->has_cycles()) throw usage(option + "only of arm-64, expected instructions or time");
    if (model.empty())
        throw usage(option + "no model of " + cpu + ", expected --cpu " + modelled_cpus());
    simulator_program();  // for their checks
    disassembler_program();
    return {objective, model};
}

}  // namespace lacuna
