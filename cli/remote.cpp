#include "cli/remote.h"

#include "cli/remote_driver.h"
#include "cli/scratch.h"
#include "cli/tuned_tiles.h"

namespace lacuna {

void add_remote_options(CLI::App &command, Remote &remote) {
    command.add_option("--target", remote.target, "triple of another machine; needs --runner");
    command.add_option("--runner", remote.runner,
                       "what runs its programs: 'qemu-aarch64 -cpu cortex-a53', 'adb shell', "
                       "'ssh board'");
}

RemoteResult attend_remotely(const Remote &remote, KeepTest test, const RemoteProblem &problem) {
    const RemoteDriver driver(remote);
    driver.check(problem);
    TunedUse use;
    use.platform = &driver.platform();
    use.cpu = driver.runner().cpu();
    use.tokens = problem.size.k_tokens;
    const Platform &platform = driver.platform();
    BundleRequest request{"lac", platform, default_tiers(platform), {}, tuned_tiles(use)};
    for (const lac_pattern &pattern : problem.patterns) {
        const auto compiled = test == KeepTest::kCompiled ? std::optional(pattern) : std::nullopt;
        add_kernel(request.kernels, make_kernel(problem.size.dtypes, problem.size.head_dim,
                                                problem.size.value_dim, compiled, "head size"));
    }
    const Scratch scratch("remote");
    driver.build(request, nullptr, scratch.path());
    return driver.attend(problem, scratch.path());
}

}  // namespace lacuna
