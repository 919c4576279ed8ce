#include "tests/cached.h"

namespace lacuna {

namespace {

// Rows that a step takes side by side, and where they come from or go.
struct StepRows {
    StepRows(const std::vector<const Cached *> &caches, const Problem &p,
             const std::vector<int32_t> &queries)
        : queries_(queries), most(*std::max_element(queries.begin(), queries.end())) {
        for (size_t b = 0; b < caches.size(); b++)
            first_.push_back(caches[b]->tokens() - queries[b]);
        rows_problem = p;
        rows_problem.batch = static_cast<int>(caches.size());
        rows_problem.q_tokens = most;
        rows_problem.k_tokens = most;
        rows_problem.q_lengths = {queries.begin(), queries.end()};
    }
    template <class Visit>
    void each(Visit visit) const {
        for (size_t b = 0; b < first_.size(); b++)
            for (int h = 0; h < rows_problem.heads; h++)
                for (int i = std::max(0, -first_[b]); i < queries_[b]; i++)
                    visit(static_cast<int>(b), h, i, first_[b] + i);
    }

    Problem rows_problem;

private:
    const std::vector<int32_t> &queries_;
    std::vector<int> first_;

public:
    const int most;
};

size_t workspace_bytes(const std::vector<const Cached *> &caches, int32_t most, int32_t threads,
                       const Problem &p, const lac_kernel &kernel) {
    size_t bytes = 0;
    const lac_pattern pattern = parse(p.pattern);
    lac::check(lac_step_bytes(&kernel, &pattern, &caches[0]->options(),
                              static_cast<int32_t>(caches.size()), most, threads, &bytes));
    return bytes;
}

}  // namespace

lac_status step(const std::vector<const Cached *> &caches, const Problem &p, Tensors &t,
                const std::vector<int32_t> &queries, const Threads &threads, const lac_plan *plan) {
    const StepRows rows(caches, p, queries);
    Tensors mine(rows.rows_problem);
    rows.each([&](int b, int h, int i, int at) {
        for (int d = 0; d < p.head_dim; d++) mine.q.at(b, h, i, d) = t.q.at(b, h, at, d);
    });
    std::vector<const lac_cache *> list;
    for (const Cached *c : caches) list.push_back(c->get());
    const lac_step s{sizeof(lac_step),
                     static_cast<int32_t>(list.size()),
                     list.data(),
                     queries.data(),
                     p.lists,
                     plan,
                     p.tree.empty() ? nullptr : p.tree.data()};
    const size_t bytes =
        plan ? lac_step_plan_bytes(plan, threads.count)
             : workspace_bytes(caches, rows.most, threads.count, p, caches[0]->kernel());
    const CacheMemory workspace(bytes);
    const Views v(mine);
    const lac_args args{sizeof(lac_args), p.scale,         p.softcap, v.log_sum_exp, threads.count,
                        threads.run,      threads.context, p.sinks(), p.slopes()};
    const lac_status status = lac_step_attend(&s, &v.q, &v.out, &args, workspace.data(), bytes);
    rows.each([&](int b, int h, int i, int at) {
        for (int d = 0; d < p.value_dim; d++) t.out.at(b, h, at, d) = mine.out.at(b, h, i, d);
        t.log_sum_exp[(static_cast<size_t>(b) * p.heads + h) * p.q_tokens + at] =
            mine.log_sum_exp[(static_cast<size_t>(b) * p.heads + h) * rows.most + i];
    });
    return status;
}

ResultBits in_one_step(const lac_kernel &kernel, const Problem &p, Tensors &t) {
    clear_output(t);
    Cached cache(kernel, p.pattern, options_of(p, p.k_tokens, 0));
    for (const int count : {37, p.k_tokens - 37}) lac::check(cache.append(t, 0, count));
    const Planned planned(kernel, p, {});
    lac::check(step({&cache}, p, t, {p.q_tokens}, {}, planned.plan()));
    return all_bits(t, p);
}

}  // namespace lacuna
