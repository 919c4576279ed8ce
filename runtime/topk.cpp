#include "runtime/topk.h"

#include "patterns/parse.h"
#include "patterns/pattern.h"
#include "runtime/lists.h"
#include "runtime/validate.h"

namespace lacuna {

namespace {

int64_t lists_of(const lac_candidates &c) { return static_cast<int64_t>(c.batch) * c.heads; }

struct Pieces {
    Pieces(void *memory, const lac_candidates &c, int64_t chosen, int64_t extent) {
        Carver carver(memory);
        starts = carver.take<int64_t>(lists_of(c) * c.rows + 1);
        indices = carver.take<int32_t>(chosen);
        bit_words = IndexSet::words(extent);
        bits = carver.take<uint64_t>(bit_words);
        summary = carver.take<uint64_t>(IndexSet::words(bit_words));
        bytes = carver.used();
    }
    int64_t *starts;
    int32_t *indices;
    uint64_t *bits, *summary;
    int64_t bit_words;
    size_t bytes;
};

void report(lac_list_error *error, const lac_candidates &c, int64_t row, int64_t entry,
            int64_t value) {
    if (!error) return;
    const int64_t list = row / c.rows;
    *error = {static_cast<int32_t>(list / c.heads), static_cast<int32_t>(list % c.heads),
              static_cast<int32_t>(row % c.rows), entry, value};
}

lac_status check_extents(const TopkRule &rule, const lac_shape &shape, const lac_candidates &c) {
    if (c.size != sizeof(lac_candidates) || !c.starts) return LAC_BAD_ARGUMENT;
    if ((c.batch != 1 && c.batch != shape.batch) || c.rows != ceil_div(shape.q_tokens, rule.tile) ||
        (c.heads != 1 && c.heads != shape.kv_heads && c.heads != shape.heads))
        return LAC_BAD_LISTS;
    const struct {
        const void *data;
        size_t size;
    } arrays[] = {
        {c.starts, sizeof(int64_t)}, {c.indices, sizeof(int32_t)}, {c.scores, sizeof(float)}};
    for (const auto &a : arrays)
        if (reinterpret_cast<uintptr_t>(a.data) % a.size) return LAC_BAD_ALIGNMENT;
    return LAC_OK;
}

// Entries that the lists will hold at most, rows past the queries included.
lac_status count_chosen(const TopkRule &rule, const lac_candidates &c, int64_t *chosen,
                        lac_list_error *error) {
    const int64_t rows = lists_of(c) * c.rows;
    *chosen = 0;
    if (c.starts[0] < 0) return report(error, c, 0, 0, c.starts[0]), LAC_BAD_LISTS;
    for (int64_t i = 0; i < rows; i++) {
        const int64_t end = c.starts[i + 1], count = end - c.starts[i];
        if (end < c.starts[i]) return report(error, c, i, 0, end), LAC_BAD_LISTS;
        *chosen += count > rule.most ? rule.best : count;
    }
    if (c.starts[rows] > c.starts[0] && (!c.indices || !c.scores)) return LAC_BAD_ARGUMENT;
    return LAC_OK;
}

int64_t indices_in(const TopkRule &rule, int64_t keys) { return ceil_div(keys, rule.block); }

// What row r of a list may hold: what every sequence that reads it may. extent 0: none reads it.
RowLimits limits_of(const TopkRule &rule, const lac_shape &shape, const lac_candidates &c,
                    int64_t row) {
    const auto list = static_cast<int32_t>(row / c.rows), r = static_cast<int32_t>(row % c.rows);
    const bool shared = c.batch == 1;
    const int32_t first = shared ? 0 : list / c.heads, end = shared ? shape.batch : first + 1;
    RowLimits limits{rule.best, rule.most, INT64_MAX, INT64_MAX};
    for (int32_t b = first; b < end; b++) {
        const RowQueries queries = row_queries(rule, shape, b, r);
        if (!queries.any) continue;
        limits.extent = smaller(limits.extent, indices_in(rule, keys_in(shape, b)));
        if (!rule.bidi) limits.ahead = smaller(limits.ahead, queries.last / rule.block + 1);
    }
    if (limits.extent == INT64_MAX) limits.extent = 0;
    return limits;
}

}  // namespace

const lac_atom *topk_of(const lac_pattern &pattern) {
    const lac_atom *reader = row_reader(pattern);
    return reader && reader->kind == kTopK ? reader : nullptr;
}

lac_status read_topk(const lac_pattern *pattern, TopkRule *rule) {
    if (!pattern) return LAC_BAD_ARGUMENT;
    if (!well_formed(*pattern)) return LAC_BAD_PATTERN;
    const lac_atom *atom = topk_of(*pattern);
    if (!atom) return LAC_BAD_PATTERN;
    *rule = {TopK::tile(*atom), TopK::block(*atom), TopK::best(*atom), TopK::cap(*atom),
             pattern->bidi != 0};
    return LAC_OK;
}

RowQueries row_queries(const TopkRule &rule, const lac_shape &shape, int32_t sequence,
                       int32_t row) {
    const int64_t q = queries_in(shape, sequence), first = static_cast<int64_t>(row) * rule.tile;
    const int64_t start = sequence_of(shape, nullptr, sequence).q_start;
    return {first < q, start + smaller(first + rule.tile, q) - 1};
}

lac_status topk_bytes(const TopkRule &rule, const lac_shape &shape, const lac_candidates &c,
                      size_t *bytes) {
    if (const lac_status s = check_extents(rule, shape, c); s != LAC_OK) return s;
    int64_t chosen = 0;
    if (const lac_status s = count_chosen(rule, c, &chosen, nullptr); s != LAC_OK) return s;
    *bytes = Pieces(nullptr, c, chosen, indices_in(rule, shape.k_tokens)).bytes;
    return LAC_OK;
}

lac_status topk_select(const TopkRule &rule, const lac_shape &shape, const lac_candidates &c,
                       void *memory, size_t bytes, lac_lists *lists, lac_list_error *error) {
    if (const lac_status s = check_extents(rule, shape, c); s != LAC_OK) return s;
    int64_t chosen = 0;
    if (const lac_status s = count_chosen(rule, c, &chosen, error); s != LAC_OK) return s;
    const int64_t extent = indices_in(rule, shape.k_tokens), rows = lists_of(c) * c.rows;
    const Pieces p(memory, c, chosen, extent);
    if (reinterpret_cast<uintptr_t>(memory) % LAC_MEMORY_ALIGNMENT) return LAC_BAD_ALIGNMENT;
    if (bytes < p.bytes) return LAC_TOO_SMALL;
    for (int64_t i = 0; i < p.bit_words; i++) p.bits[i] = 0;
    for (int64_t i = 0; i < IndexSet::words(p.bit_words); i++) p.summary[i] = 0;
    IndexSet set(p.bits, p.summary, extent);
    p.starts[0] = 0;
    for (int64_t i = 0; i < rows; i++) {
        p.starts[i + 1] = p.starts[i];
        const RowLimits limits = limits_of(rule, shape, c, i);
        if (limits.extent == 0) continue;
        const int64_t first = c.starts[i];
        const CandidateRow row{c.indices + first, c.scores + first, c.starts[i + 1] - first};
        const RowResult result = select_row(row, limits, set, p.indices + p.starts[i]);
        if (result.status != LAC_OK)
            return report(error, c, i, result.count, row.indices[result.count]), result.status;
        p.starts[i + 1] += result.count;
    }
    *lists = {};
    lists->size = sizeof(lac_lists);
    lists->batch = c.batch;
    lists->heads = c.heads;
    lists->rows = c.rows;
    lists->index_count = chosen;
    lists->starts = p.starts;
    lists->indices = p.indices;
    return LAC_OK;
}

}  // namespace lacuna

extern "C" lac_status lac_topk_bytes(const lac_pattern *pattern, const lac_shape *shape,
                                     const lac_candidates *candidates, size_t *bytes) {
    using namespace lacuna;
    TopkRule rule{};
    if (!shape || !candidates || !bytes) return LAC_BAD_ARGUMENT;
    if (const lac_status s = read_topk(pattern, &rule); s != LAC_OK) return s;
    if (const lac_status s = validate_shape(*shape); s != LAC_OK) return s;
    return topk_bytes(rule, *shape, *candidates, bytes);
}

extern "C" lac_status lac_topk_select(const lac_pattern *pattern, const lac_shape *shape,
                                      const lac_candidates *candidates, void *memory, size_t bytes,
                                      lac_lists *lists, lac_list_error *error) {
    using namespace lacuna;
    TopkRule rule{};
    if (!shape || !candidates || !memory || !lists) return LAC_BAD_ARGUMENT;
    if (const lac_status s = read_topk(pattern, &rule); s != LAC_OK) return s;
    if (const lac_status s = validate_shape(*shape); s != LAC_OK) return s;
    const lac_status s = topk_select(rule, *shape, *candidates, memory, bytes, lists, error);
    if (s == LAC_OK) lists->checked = seal_of(*pattern, *shape, *lists);
    return s;
}
