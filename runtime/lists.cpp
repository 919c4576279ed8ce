// lac_lists_check: every index that a plan will follow is looked at once, before any is followed.
#include "runtime/lists.h"

#include "patterns/parse.h"
#include "runtime/validate.h"

namespace lacuna {

namespace {

// FNV-1a over 64-bit words.
class Hash {
public:
    void add(uint64_t x) {
        for (int i = 0; i < 64; i += 8) value_ = (value_ ^ ((x >> i) & 0xff)) * 0x100000001b3u;
    }
    void add(const void *pointer) { add(reinterpret_cast<uintptr_t>(pointer)); }
    // 0 stands for lists that were never checked.
    uint64_t value() const { return value_ | 1; }

private:
    uint64_t value_ = 0xcbf29ce484222325u;
};

class Checker {
public:
    Checker(const lac_pattern &pattern, const lac_shape &shape, const lac_lists &lists,
            lac_list_error *error)
        : pattern_(pattern), shape_(shape), lists_(lists), error_(error) {}

    lac_status check() const {
        if (reads_globals(pattern_))
            if (const lac_status s = check_globals(); s != LAC_OK) return s;
        const lac_atom *reader = row_reader(pattern_);
        return reader ? check_lists(*reader) : LAC_OK;
    }

private:
    lac_status fail(lac_status status, int64_t sequence, int64_t head, int64_t row, int64_t entry,
                    int64_t value) const {
        if (error_)
            *error_ = {static_cast<int32_t>(sequence), static_cast<int32_t>(head),
                       static_cast<int32_t>(row), entry, value};
        return status;
    }

    lac_status check_globals() const {
        const int32_t *starts = lists_.global_starts;
        if (!starts) {
            if (lists_.global_count < 0 || (lists_.global_count > 0 && !lists_.globals))
                return fail(LAC_BAD_LISTS, 0, 0, -1, 0, lists_.global_count);
        } else if (!lists_.globals || starts[0] < 0) {
            return fail(LAC_BAD_LISTS, 0, 0, -1, 0, starts[0]);
        }
        for (int32_t b = 0; starts && b < shape_.batch; b++)
            if (starts[b + 1] < starts[b])
                return fail(LAC_BAD_LISTS, b, 0, -1, b + 1, starts[b + 1]);
        if (starts && starts[shape_.batch] > lists_.global_count)
            return fail(LAC_BAD_LISTS, 0, 0, -1, shape_.batch, starts[shape_.batch]);
        for (int32_t b = 0; b < shape_.batch; b++) {
            const Indices globals = sequence_of(shape_, &lists_, b).globals();
            if (const lac_status s = check_row(globals, keys_in(shape_, b), b, 0, -1); s != LAC_OK)
                return s;
        }
        return LAC_OK;
    }

    // Ascending, each once, each in 0 … limit-1.
    lac_status check_row(const Indices &row, int64_t limit, int64_t b, int64_t h, int64_t r) const {
        int64_t before = -1;
        for (int64_t i = 0; i < row.count; i++) {
            const int64_t x = row.first[i];
            if (x < 0 || x >= limit) return fail(LAC_LIST_RANGE, b, h, r, i, x);
            if (x == before) return fail(LAC_LIST_REPEATED, b, h, r, i, x);
            if (x < before) return fail(LAC_LIST_UNSORTED, b, h, r, i, x);
            before = x;
        }
        return LAC_OK;
    }

    // Queries ascend, and keys with the same query.
    lac_status check_pairs(const Indices &keys, int32_t b, int64_t h) const {
        const int32_t *queries = lists_.queries + (keys.first - lists_.indices);
        const int64_t most_q = queries_in(shape_, b), most_k = keys_in(shape_, b);
        for (int64_t i = 0; i < keys.count; i++) {
            const int64_t q = queries[i], k = keys.first[i];
            if (q < 0 || q >= most_q) return fail(LAC_LIST_RANGE, b, h, 0, i, q);
            if (k < 0 || k >= most_k) return fail(LAC_LIST_RANGE, b, h, 0, i, k);
            if (i == 0 || q > queries[i - 1]) continue;
            if (q < queries[i - 1]) return fail(LAC_LIST_UNSORTED, b, h, 0, i, q);
            if (k == keys.first[i - 1]) return fail(LAC_LIST_REPEATED, b, h, 0, i, k);
            if (k < keys.first[i - 1]) return fail(LAC_LIST_UNSORTED, b, h, 0, i, k);
        }
        return LAC_OK;
    }

    lac_status check_starts(const ListShape &want) const {
        const lac_lists &l = lists_;
        if (l.batch != 1 && l.batch != shape_.batch)
            return fail(LAC_BAD_LISTS, 0, 0, 0, 0, l.batch);
        if (l.heads != 1 && l.heads != shape_.kv_heads && l.heads != shape_.heads)
            return fail(LAC_BAD_LISTS, 0, 0, 0, 0, l.heads);
        if (l.rows != want.rows) return fail(LAC_BAD_LISTS, 0, 0, 0, 0, l.rows);
        if (!l.starts) return fail(LAC_BAD_LISTS, 0, 0, 0, 0, 0);
        const int64_t rows = static_cast<int64_t>(l.batch) * l.heads * l.rows;
        if (l.starts[0] < 0) return fail(LAC_BAD_LISTS, 0, 0, 0, 0, l.starts[0]);
        for (int64_t i = 0; i < rows; i++)
            if (l.starts[i + 1] < l.starts[i])
                return fail(LAC_BAD_LISTS, i / l.rows / l.heads, i / l.rows % l.heads, i % l.rows,
                            0, l.starts[i + 1]);
        if (l.starts[rows] > l.index_count)
            return fail(LAC_BAD_LISTS, 0, 0, 0, rows, l.starts[rows]);
        const bool any = l.starts[rows] > l.starts[0];
        if (any && (!l.indices || (want.pairs && !l.queries)))
            return fail(LAC_BAD_LISTS, 0, 0, 0, 0, 0);
        return LAC_OK;
    }

    lac_status check_lists(const lac_atom &reader) const {
        const ListShape want = list_shape_of(reader, shape_.q_tokens, shape_.k_tokens);
        if (const lac_status s = check_starts(want); s != LAC_OK) return s;
        for (int32_t b = 0; b < shape_.batch; b++) {
            // A list that all sequences share is read with the lengths of each; rows past these
            // are not read at all.
            ListShape read = want;
            read.rows = list_shape_of(reader, queries_in(shape_, b), keys_in(shape_, b)).rows;
            for (int32_t h = 0; h < lists_.heads; h++)
                if (const lac_status s = check_list(read, b, h); s != LAC_OK) return s;
        }
        return LAC_OK;
    }

    lac_status check_list(const ListShape &want, int32_t b, int32_t h) const {
        Sequence in = sequence_of(shape_, &lists_, b);
        in.heads = lists_.heads;  // every list in turn, whomever it serves
        if (want.pairs) return check_pairs(in.row(h, 0), b, h);
        const int64_t limit = ceil_div(keys_in(shape_, b), want.block);
        for (int32_t r = 0; r < want.rows; r++) {
            const Indices row = in.row(h, r);
            if (row.count > want.most) return fail(LAC_LIST_CAP, b, h, r, want.most, row.count);
            if (const lac_status s = check_row(row, limit, b, h, r); s != LAC_OK) return s;
            if (want.chosen_for == 0 || pattern_.bidi || row.count == 0) continue;
            const auto last = smaller<int64_t>((r + 1) * want.chosen_for, queries_in(shape_, b));
            const int64_t ahead = row.first[row.count - 1];
            if (ahead * want.block >= in.q_start + last)
                return fail(LAC_LIST_FUTURE, b, h, r, row.count - 1, ahead);
        }
        return LAC_OK;
    }

    const lac_pattern &pattern_;
    const lac_shape &shape_;
    const lac_lists &lists_;
    lac_list_error *error_;
};

}  // namespace

Sequence sequence_of(const lac_shape &shape, const lac_lists *lists, int32_t b) {
    const int64_t last = int64_t{keys_in(shape, b)} - queries_in(shape, b);
    return {lists,
            b,
            shape.q_starts ? shape.q_starts[b] : last,
            shape.heads,
            shape.heads / shape.kv_heads,
            GlobalRows::kUnknown,
            shape.tree ? shape.tree + int64_t{b} * shape.q_tokens : nullptr};
}

uint64_t seal_of(const lac_pattern &pattern, const lac_shape &shape, const lac_lists &l) {
    Hash hash;
    hash.add(pattern.bidi);
    if (const lac_atom *reader = row_reader(pattern)) {
        hash.add(reader->kind);
        for (const int32_t arg : reader->arg) hash.add(static_cast<uint64_t>(arg));
        hash.add(static_cast<uint64_t>(l.index_count));
        const void *const arrays[] = {l.starts, l.indices, l.queries};
        for (const void *array : arrays) hash.add(array);
        const int32_t extents[] = {l.batch, l.heads, l.rows};
        for (const int32_t extent : extents) hash.add(static_cast<uint64_t>(extent));
    }
    if (reads_globals(pattern)) {
        hash.add(l.globals);
        hash.add(l.global_starts);
        hash.add(static_cast<uint64_t>(l.global_count));
    }
    const int32_t extents[] = {shape.batch, shape.heads, shape.kv_heads, shape.q_tokens,
                               shape.k_tokens};
    for (const int32_t extent : extents) hash.add(static_cast<uint64_t>(extent));
    for (int32_t b = 0; b < shape.batch; b++) {
        hash.add(static_cast<uint64_t>(queries_in(shape, b)));
        hash.add(static_cast<uint64_t>(keys_in(shape, b)));
        hash.add(static_cast<uint64_t>(sequence_of(shape, nullptr, b).q_start));
    }
    return hash.value();
}

}  // namespace lacuna

using namespace lacuna;

extern "C" {

lac_status lac_lists_check(const lac_pattern *pattern, const lac_shape *shape, lac_lists *lists,
                           lac_list_error *error) {
    if (!pattern || !shape || !lists || lists->size != sizeof(lac_lists) || lists->reserved != 0)
        return LAC_BAD_ARGUMENT;
    lists->checked = 0;
    if (const lac_status s = validate_shape(*pattern, *shape); s != LAC_OK) return s;
    if (const lac_status s = Checker(*pattern, *shape, *lists, error).check(); s != LAC_OK)
        return s;
    lists->checked = seal_of(*pattern, *shape, *lists);
    return LAC_OK;
}

int lac_pattern_attends(const lac_pattern *pattern, const lac_shape *shape, int32_t sequence,
                        int32_t head, int32_t q, int32_t k) {
    if (!pattern || !shape || validate_shape(*pattern, *shape) != LAC_OK) return 0;
    if (sequence < 0 || sequence >= shape->batch || head < 0 || head >= shape->heads || q < 0)
        return 0;
    const Sequence in = sequence_of(*shape, shape->lists, sequence);
    return attends(*pattern, {head, q, k, keys_in(*shape, sequence), in});
}
}
