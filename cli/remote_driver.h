// The driver for another machine (cli/driver): built into a folder, and run from there.
#pragma once
#include <filesystem>
#include <string>

#include "cli/bundle.h"
#include "cli/remote.h"
#include "cli/runner.h"

namespace lacuna {

class RemoteDriver {
public:
    // Throws a Failure unless both the machine and what runs its programs are named and known.
    explicit RemoteDriver(const Remote &remote);

    const Platform &platform() const { return platform_; }
    const Runner &runner() const { return runner_; }
    bool counts() const;  // instructions of a call
    bool has_cycles() const;

    // Throws a Failure for what the driver does not take.
    void check(const RemoteProblem &problem) const;
    // Compiles the kernels of "lac", and where there is a rival the same ones with its Tiles.
    void build(const BundleRequest &request, const ChooseTiles *rival,
               const std::filesystem::path &folder) const;
    RemoteResult attend(const RemoteProblem &problem, const std::filesystem::path &folder) const;

private:
    const char *program() const;
    void take_counts(const std::string &output, std::vector<RemoteCall> &calls) const;

    const std::string triple_;
    const Runner runner_;
    const Platform &platform_;
};

}  // namespace lacuna
