#include "cli/list_files.h"

#include <algorithm>

#include "cli/errors.h"
#include "cli/pattern_option.h"
#include "patterns/pattern.h"
#include "runtime/lists.h"

namespace lacuna {

namespace {

std::string atom_text(lac_atom atom) {
    atom.first_head = atom.end_head = 0;
    lac_pattern alone{sizeof(lac_pattern), 0, 1, {atom}};
    return canonical(alone);
}

MaskFile read_mask(const std::string &path) {
    BoolArray array = read_npy_bools(path);
    const std::vector<int64_t> &s = array.shape;
    const size_t n = s.size();
    if (n < 2 || n > 4)
        throw bad_input(path + ": shape " + shape_text(s) +
                        ", expected [queries, keys], [heads, queries, keys] or [batch, heads, "
                        "queries, keys]");
    for (const int64_t extent : s)
        if (extent < 1 || extent > LAC_MAX_TOKENS)
            throw bad_input(path + ": shape " + shape_text(s) + ", expected extents of 1 to " +
                            std::to_string(LAC_MAX_TOKENS));
    const auto extent = [&](size_t back) {
        return n < back ? 1 : static_cast<int32_t>(s[n - back]);
    };
    const int32_t batch = extent(4), heads = extent(3), queries = extent(2), keys = extent(1);
    return {path, std::move(array), batch, heads, queries, keys};
}

GlobalsFile read_globals(const std::string &path) {
    IntegerArray array = read_npy_integers(path);
    const std::vector<int64_t> &s = array.shape;
    if (s.empty() || s.size() > 2 || s[0] > INT32_MAX || s.back() > LAC_MAX_TOKENS)
        throw bad_input(path + ": shape " + shape_text(s) +
                        ", expected positions as [count] or [batch, count]");
    const int64_t count = s.back();
    const auto batch = static_cast<int32_t>(s.size() == 2 ? s[0] : 1);
    return {path, std::move(array), count, batch};
}

[[noreturn]] void refuse_extent(const std::string &path, int32_t found, const char *what,
                                const std::string &expected) {
    throw bad_input(path + ": " + std::to_string(found) + " " + what + ", expected " + expected);
}

void check_mask_shape(const MaskFile &mask, const lac_shape &shape) {
    const auto text = [](int32_t n) { return std::to_string(n); };
    if (mask.queries != shape.q_tokens)
        refuse_extent(mask.path, mask.queries, "queries", text(shape.q_tokens));
    if (mask.keys != shape.k_tokens)
        refuse_extent(mask.path, mask.keys, "keys", text(shape.k_tokens));
    if (mask.heads != 1 && mask.heads != shape.kv_heads && mask.heads != shape.heads)
        refuse_extent(mask.path, mask.heads, "heads",
                      "1, the " + text(shape.kv_heads) + " KV heads or the " + text(shape.heads) +
                          " query heads");
    if (mask.batch != 1 && mask.batch != shape.batch)
        refuse_extent(mask.path, mask.batch, "sequences",
                      shape.batch == 1 ? "1" : "1 or " + text(shape.batch));
}

// Turns the lists of a mask into rows of indices.
class MaskRows {
public:
    MaskRows(const MaskFile &mask, const lac_pattern &pattern, const lac_shape &shape)
        : mask_(mask),
          pattern_(pattern),
          atom_(*row_reader(pattern)),
          want_(list_shape_of(atom_, shape.q_tokens, shape.k_tokens)),
          start_(sequence_of(shape, nullptr, 0).q_start) {}

    void add_to(Lists &lists) const {
        lists.begin_rows(mask_.batch, mask_.heads, static_cast<int32_t>(want_.rows));
        for (int32_t b = 0; b < mask_.batch; b++)
            for (int32_t h = 0; h < mask_.heads; h++)
                want_.pairs ? add_pairs(lists, b, h) : add_rows(lists, b, h);
    }

private:
    struct Range {
        int64_t first, end;
    };
    struct Block {
        int64_t row, index;
        Range queries, keys;
    };

    // The keys that a query of the tensor may see at all are 0 … seen - 1.
    int64_t seen(int64_t query) const {
        return pattern_.bidi ? mask_.keys : std::min<int64_t>(start_ + query + 1, mask_.keys);
    }

    void add_pairs(Lists &lists, int32_t b, int32_t h) const {
        const uint8_t *row = mask_.list(b, h);
        for (int64_t q = 0; q < mask_.queries; q++, row += mask_.keys)
            for (int64_t k = 0; k < seen(q); k++)
                if (row[k]) lists.add_pair(q, k);
        lists.end_row();
    }

    // Of the tensor; none where the row's positions lie outside of it.
    Range queries_of(int64_t row) const {
        const bool absolute = atom_.kind == kMaskBlocks;
        const int64_t size = absolute ? want_.block : std::max<int64_t>(want_.chosen_for, 1);
        const int64_t first = row * size - (absolute ? start_ : 0);
        return {std::clamp<int64_t>(first, 0, mask_.queries),
                std::clamp<int64_t>(first + size, 0, mask_.queries)};
    }

    void add_rows(Lists &lists, int32_t b, int32_t h) const {
        for (int64_t row = 0; row < want_.rows; row++) {
            for (int64_t i = 0; i * want_.block < mask_.keys; i++) {
                const int64_t first = i * want_.block;
                const Range keys{first, std::min<int64_t>(first + want_.block, mask_.keys)};
                if (listed({row, i, queries_of(row), keys}, b, h)) lists.add(i);
            }
            lists.end_row();
        }
    }

    bool listed(const Block &block, int32_t b, int32_t h) const {
        int64_t pairs = 0, kept = 0, ahead = 0;
        for (int64_t q = block.queries.first; q < block.queries.end; q++) {
            const uint8_t *row = mask_.list(b, h) + q * mask_.keys;
            const int64_t end = std::max(block.keys.first, std::min(seen(q), block.keys.end));
            pairs += end - block.keys.first;
            kept += std::count(row + block.keys.first, row + end, 1);
            ahead += std::count(row + end, row + block.keys.end, 1);
        }
        if (kept != 0 && kept != pairs) refuse(block, b, h, kept, pairs);
        // What no query can see means nothing, but a router must not choose it: the check refuses.
        return pairs > 0 ? kept > 0 : want_.chosen_for > 0 && ahead > 0;
    }

    [[noreturn]] void refuse(const Block &block, int32_t b, int32_t h, int64_t kept,
                             int64_t pairs) const {
        const auto range = [](const Range &r) {
            return std::to_string(r.first) + " to " + std::to_string(r.end - 1);
        };
        throw bad_input(mask_.path + ": of block (" + std::to_string(block.row) + ", " +
                        std::to_string(block.index) + ") of head " + std::to_string(h) +
                        " of sequence " + std::to_string(b) + ", queries " + range(block.queries) +
                        " and keys " + range(block.keys) + ", " + std::to_string(kept) + " of " +
                        std::to_string(pairs) + " pairs are true; " + atom_text(atom_) +
                        " takes all or none");
    }

    const MaskFile &mask_;
    const lac_pattern &pattern_;
    const lac_atom &atom_;
    const ListShape want_;
    const int64_t start_;
};

std::string entry_text(const GlobalsFile &globals, int64_t sequence, int64_t entry) {
    return globals.path + ": entry " + std::to_string(entry) + " of sequence " +
           std::to_string(sequence) + " is ";
}

void add_globals(const GlobalsFile &globals, const lac_shape &shape, Lists &lists) {
    if (globals.batch != 1 && globals.batch != shape.batch)
        refuse_extent(globals.path, globals.batch, "sequences",
                      shape.batch == 1 ? "1" : "1 or " + std::to_string(shape.batch));
    std::vector<int32_t> positions;
    for (const int64_t position : globals.array.data) {
        const auto place = static_cast<int64_t>(positions.size());
        if (position != static_cast<int32_t>(position))
            throw bad_input(entry_text(globals, place / globals.count, place % globals.count) +
                            std::to_string(position) + ", expected below " +
                            std::to_string(shape.k_tokens) + " tokens");
        positions.push_back(static_cast<int32_t>(position));
    }
    std::vector<int32_t> starts;
    for (int32_t b = 0; globals.batch > 1 && b <= globals.batch; b++)
        starts.push_back(static_cast<int32_t>(b * globals.count));
    lists.set_globals(std::move(positions), std::move(starts));
}

std::string globals_error(const GlobalsFile &globals, lac_status status, const lac_list_error &e,
                          int32_t tokens) {
    std::string text = entry_text(globals, e.sequence, e.entry) + std::to_string(e.value);
    if (status == LAC_LIST_RANGE && e.value < 0) return text + ", expected a position of 0 or more";
    if (status == LAC_LIST_RANGE)
        return text + ", expected below " + std::to_string(tokens) + " tokens";
    if (status == LAC_LIST_REPEATED) return text + ", as the entry before it";
    return text + ", less than the entry before it: expected ascending positions";
}

std::string mask_error(const MaskFile &mask, lac_status status, const lac_list_error &e,
                       const lac_atom &atom) {
    const std::string row = mask.path + ": row " + std::to_string(e.row) + " of head " +
                            std::to_string(e.head) + " of sequence " + std::to_string(e.sequence);
    const std::string what = atom.arg[3] > 0 ? "block" : "key";
    if (status == LAC_LIST_CAP)
        return row + " keeps " + std::to_string(e.value) + " " + what + "s, expected at most " +
               std::to_string(e.entry) + " of " + atom_text(atom);
    return row + " keeps " + what + " " + std::to_string(e.value) + ", which lies ahead of its " +
           "queries";
}

void require(bool needed, const std::string &path, const std::string &option,
             const lac_pattern &pattern, const std::string &atoms) {
    if (needed && path.empty())
        throw usage("--pattern " + canonical(pattern) + ": " + atoms + " needs " + option +
                    " FILE");
    if (!needed && !path.empty())
        throw usage(option + " " + path + ": the pattern " + canonical(pattern) + " has no " +
                    atoms);
}

}  // namespace

ListFiles read_list_files(const lac_pattern &pattern, const std::string &mask,
                          const std::string &globals) {
    const lac_atom *reader = row_reader(pattern);
    require(reader != nullptr, mask, "--mask", pattern,
            reader ? atom_text(*reader) : "mask: or topk atom");
    require(reads_globals(pattern), globals, "--globals", pattern, "global:list");
    ListFiles files;
    if (reader) files.mask = read_mask(mask);
    if (reads_globals(pattern)) files.globals = read_globals(globals);
    return files;
}

void make_lists(const ListFiles &files, const lac_pattern &pattern, const lac_shape &shape,
                Lists &lists) {
    if (files.globals) add_globals(*files.globals, shape, lists);
    if (files.mask) {
        check_mask_shape(*files.mask, shape);
        MaskRows(*files.mask, pattern, shape).add_to(lists);
    }
    lac_list_error error{};
    const lac_status status = lists.check(pattern, shape, error);
    if (status == LAC_OK) return;
    if (status < LAC_LIST_RANGE) throw bad_input(lac_status_message(status));
    if (error.row < 0 && files.globals)
        throw bad_input(globals_error(*files.globals, status, error, shape.k_tokens));
    if (files.mask) throw bad_input(mask_error(*files.mask, status, error, *row_reader(pattern)));
}

}  // namespace lacuna
