// The subcommands: each registers its options and a callback, and throws a Failure when it cannot
// do what was asked.
#pragma once

namespace CLI {
class App;
}

namespace lacuna {

void add_generate(CLI::App &app);
void add_run(CLI::App &app);
void add_bench(CLI::App &app);
void add_autotune(CLI::App &app);
void add_show(CLI::App &app);
void add_list(CLI::App &app);

}  // namespace lacuna
