// Builds a plan, or only counts what it would hold: the same walk with no place to write.
#pragma once
#include "runtime/plan.h"

namespace lacuna {

// Sizes of a plan's arrays.
struct PlanCounts {
    int64_t layouts = 0, blocks = 0, tiles = 0, runs = 0, words = 0;
};

class PlanBuilder {
public:
    // `plan` has its scalar fields set by describe(); arrays are written when `write` is true.
    PlanBuilder(lac_plan &plan, const lac_shape &shape, bool write);
    void build();
    const PlanCounts &counts() const { return count_; }

private:
    void add_layout(int32_t q_tokens, int32_t k_tokens, int32_t q_start, int32_t kv_head);
    void add_span(int64_t first, int64_t end);
    void add_class_tiles(int32_t group, int64_t position, int64_t end);
    void add_tile(const RowTile &tile);
    void add_segment_runs(int32_t segment);
    void scan(int32_t segment, int64_t first, int64_t end);
    void add_panel(int32_t segment, int64_t panel);
    int64_t mask_words(int32_t segment, int64_t panel, uint32_t *words) const;
    void extend_run(int32_t segment, int64_t first, int64_t panels, uint32_t words);
    void close_run();
    Span keys_of_panels(int32_t segment, int64_t first, int64_t end) const;
    int64_t span_tokens() const;
    template <class T>
    void put(const T *array, int64_t index, const T &value) {
        if (write_) const_cast<T *>(array)[index] = value;
    }

    lac_plan &plan_;
    const lac_shape &shape_;
    bool write_;
    PlanCounts count_;
    Layout layout_{};
    struct {
        int64_t attended, computed;
    } pairs_{};  // of layout_
    int32_t kv_head_ = 0;
    RowTile tile_{};
    Span rows_{};
    bool run_open_ = false;
    Run run_{};
};

// Fills the scalar fields: segments in fold order, groups, stores.
void describe(lac_plan &plan, const lac_kernel &kernel, const lac_pattern &pattern,
              const lac_shape &shape);

inline int32_t length_of(const int32_t *lengths, int32_t i, int32_t otherwise) {
    return lengths ? lengths[i] : otherwise;
}

}  // namespace lacuna
