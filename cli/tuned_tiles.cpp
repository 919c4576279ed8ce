#include "cli/tuned_tiles.h"

#include <iostream>
#include <memory>
#include <set>

#include "cli/process.h"
#include "cli/tuned_store.h"

namespace lacuna {

namespace {

void warn_of_stale(const TunedDatabase &database, const Wanted &wanted,
                   std::set<std::string> &warned) {
    for (const TunedEntry &e : database.stale(wanted))
        if (warned.insert(e.key.text()).second)
            std::cerr << "lacuna: the tuned entry of " << e.key.kernel << ", " << e.key.tier << ", "
                      << e.key.shape << " is for algorithm " << e.key.algorithm << ", this is "
                      << kAlgorithmVersion << ": ignored; lacuna autotune makes another\n";
}

}  // namespace

std::string cpu_model() {
    const std::string model = cpuinfo("model name");
    return model.empty() ? "unknown" : model;
}

std::string tuned_tier(const Platform &platform, const Tier &tier) {
    const bool arm32 = platform.halide_arch == Halide::Target::ARM && platform.bits == 32;
    return arm32 ? "armv7" : tier.name;
}

ChooseTiles tuned_tiles(const TunedUse &use) {
    if (use.from == "none") return nullptr;
    std::vector<TunedEntry> user;
    if (use.from == "all") user = TunedStore(user_tuned_directory()).entries();
    const auto database = std::make_shared<TunedDatabase>(builtin_tuned(), std::move(user));
    const auto warned = std::make_shared<std::set<std::string>>();
    const Platform &host = *find_platform("host");
    const Platform &platform = use.platform ? *use.platform : host;
    // Where kernels will run elsewhere, this machine's CPU says nothing.
    const std::string here = &platform == &host ? cpu_model() : "another machine's";
    const std::string cpu = use.cpu.empty() ? here : use.cpu;
    return [=, &platform](const KernelSpec &kernel, const Tier &code) {
        Tiles tiles{code.tile, code.few};
        const auto choose = [&](const char *phase, Tile &tile, std::string &from) {
            const Wanted wanted{kernel.name(), tuned_tier(platform, code), cpu, phase, use.tokens};
            const auto choice = database->choose(wanted);
            if (use.warn && !choice) warn_of_stale(*database, wanted, *warned);
            // More rows than this tier's stack holds: of another version's format.
            if (!choice || choice->tile.rows > most_rows(code.format)) return;
            tile = choice->tile;
            from = choice->from;
        };
        choose("prefill", tiles.tile, tiles.tile_from);
        choose("decode", tiles.few, tiles.few_from);
        // A step's tile is part of a whole one.
        if (tiles.few.rows > tiles.tile.rows) {
            tiles.few = code.few;
            tiles.few_from = Tiles{}.few_from;
        }
        if (tiles.few.rows > tiles.tile.rows) return Tiles{code.tile, code.few};
        return tiles;
    };
}

}  // namespace lacuna
