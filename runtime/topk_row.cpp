#include "runtime/topk_row.h"

namespace lacuna {

namespace {

// Orders like (score, lower index first): no two entries of a row are equal.
uint64_t rank_of(float score, int32_t index) {
    constexpr uint32_t kSign = 0x80000000u, kInfinity = 0x7f800000u;
    uint32_t bits = 0;
    __builtin_memcpy(&bits, &score, sizeof bits);
    const uint32_t magnitude = bits & ~kSign;
    if (magnitude == 0) bits = 0;  // -0 equals +0
    uint32_t order = bits & kSign ? ~bits : bits | kSign;
    if (magnitude > kInfinity) order = 0;  // NaN; -inf gives 0x007fffff
    return uint64_t{order} << 32 | (UINT32_MAX - static_cast<uint32_t>(index));
}

// The `best` entries are those whose rank is at least this. Digits from the top, a pass over the
// row each, until the last digit's bucket is wanted whole: three or four passes for scores that
// differ, eight at most.
uint64_t least_chosen(const CandidateRow &row, int64_t best) {
    constexpr int kDigit = 8, kBuckets = 1 << kDigit;
    uint64_t prefix = 0;
    for (int shift = 64 - kDigit;; shift -= kDigit) {
        uint32_t counts[kBuckets] = {};
        for (int64_t i = 0; i < row.count; i++) {
            const uint64_t digits = rank_of(row.scores[i], row.indices[i]) >> shift;
            counts[digits % kBuckets] += digits / kBuckets == prefix;
        }
        int digit = kBuckets - 1;
        for (; counts[digit] < best; digit--) best -= counts[digit];
        prefix = prefix * kBuckets + static_cast<uint64_t>(digit);
        if (counts[digit] == best) return prefix << shift;
    }
}

lac_status check_entry(int32_t index, const RowLimits &limits, IndexSet &set) {
    if (index < 0 || index >= limits.extent) return LAC_LIST_RANGE;
    if (index >= limits.ahead) return LAC_LIST_FUTURE;
    return set.insert(index) ? LAC_OK : LAC_LIST_REPEATED;
}

}  // namespace

bool IndexSet::insert(int32_t index) {
    const int32_t word = index / 64;
    const uint64_t bit = uint64_t{1} << index % 64;
    if (bits_[word] & bit) return false;
    bits_[word] |= bit;
    summary_[word / 64] |= uint64_t{1} << word % 64;
    return true;
}

int64_t IndexSet::take_all(int32_t *members) {
    int64_t count = 0;
    for (int64_t s = 0; s < summary_words_; s++) {
        for (; summary_[s]; summary_[s] &= summary_[s] - 1) {
            const int64_t word = s * 64 + __builtin_ctzll(summary_[s]);
            for (; bits_[word]; bits_[word] &= bits_[word] - 1)
                members[count++] = static_cast<int32_t>(word * 64 + __builtin_ctzll(bits_[word]));
        }
    }
    return count;
}

RowResult select_row(const CandidateRow &row, const RowLimits &limits, IndexSet &set,
                     int32_t *chosen) {
    for (int64_t i = 0; i < row.count; i++)
        if (const lac_status s = check_entry(row.indices[i], limits, set); s != LAC_OK)
            return {s, i};
    if (row.count > limits.most) {
        const uint64_t least = least_chosen(row, limits.best);
        for (int64_t i = 0; i < row.count; i++)
            if (rank_of(row.scores[i], row.indices[i]) < least) set.erase(row.indices[i]);
    }
    return {LAC_OK, set.take_all(chosen)};
}

}  // namespace lacuna
