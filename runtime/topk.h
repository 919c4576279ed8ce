// The atom topk from the router's side: what its arguments mean, and lists made from candidates.
#pragma once
#include "runtime/carver.h"
#include "runtime/include/lacuna/router.h"
#include "runtime/topk_row.h"

namespace lacuna {

struct TopkRule {
    int32_t tile;        // queries of a row
    int32_t block;       // keys of an index
    int64_t best, most;  // indices of a row: chosen when there are more than `most`
    bool bidi;
};

// The pattern's topk, or null.
const lac_atom *topk_of(const lac_pattern &pattern);
// Checks the descriptor; LAC_BAD_PATTERN without a topk.
lac_status read_topk(const lac_pattern *pattern, TopkRule *rule);

// Row r of a sequence, seen from its queries.
struct RowQueries {
    bool any;
    int64_t last;  // position of the last one
};
RowQueries row_queries(const TopkRule &rule, const lac_shape &shape, int32_t sequence, int32_t row);

// lac_topk_bytes and lac_topk_select for a valid rule and shape; the lists are not sealed.
lac_status topk_bytes(const TopkRule &rule, const lac_shape &shape,
                      const lac_candidates &candidates, size_t *bytes);
lac_status topk_select(const TopkRule &rule, const lac_shape &shape,
                       const lac_candidates &candidates, void *memory, size_t bytes,
                       lac_lists *lists, lac_list_error *error);

}  // namespace lacuna
