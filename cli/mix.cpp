#include "cli/mix.h"

#include <algorithm>
#include <set>

#include "cli/errors.h"
#include "cli/pattern_option.h"
#include "patterns/parse.h"
#include "patterns/pattern.h"

namespace lacuna {

lac_pattern pattern_of_heads(const lac_pattern &pattern, int32_t first, int32_t end) {
    lac_pattern own{sizeof(lac_pattern), pattern.bidi, 0, {}};
    for (uint32_t i = 0; i < pattern.atom_count; i++) {
        lac_atom atom = pattern.atom[i];
        if (!for_all_heads(atom) && (end <= atom.first_head || first >= atom.end_head)) continue;
        atom.first_head = atom.end_head = 0;
        // Twice where heads(...) repeats an atom that holds for all.
        if (!listed_before(own, own.atom_count, atom)) own.atom[own.atom_count++] = atom;
    }
    return own;
}

std::string HeadRange::text() const {
    return std::to_string(first) + (last > first ? "-" + std::to_string(last) : "");
}

int32_t named_heads(const lac_pattern &pattern) {
    int32_t end = 0;
    for (uint32_t i = 0; i < pattern.atom_count; i++) end = std::max(end, pattern.atom[i].end_head);
    return end;
}

std::vector<HeadRange> head_ranges(const lac_pattern &pattern, int32_t heads,
                                   const std::string &where) {
    const auto refuse = [&](const std::string &what) {
        return usage(canonical(pattern) + ": " + what + " of the " + std::to_string(heads) +
                     " query heads of " + where);
    };
    if (named_heads(pattern) > heads)
        throw refuse("names head " + std::to_string(named_heads(pattern) - 1) + ", which is none");
    // Heads where the pattern may change.
    std::set<int32_t> cuts{0, heads};
    for (uint32_t i = 0; i < pattern.atom_count; i++)
        cuts.insert({pattern.atom[i].first_head, pattern.atom[i].end_head});
    std::vector<HeadRange> ranges;
    for (auto cut = cuts.begin(); *cut < heads; ++cut) {
        const lac_pattern own = pattern_of_heads(pattern, *cut, *cut + 1);
        if (own.atom_count == 0) throw refuse("leaves out head " + std::to_string(*cut));
        ranges.push_back({*cut, *std::next(cut) - 1, own});
    }
    return ranges;
}

}  // namespace lacuna
