#include "cli/tensors.h"

#include <cmath>

#include "cli/elements.h"
#include "cli/errors.h"

namespace lacuna {

namespace {

struct Extents {
    int64_t batch, heads, tokens, features;
};

struct Tensor {
    const std::string &path;
    Array array;
    Extents extents;
};

void refuse_non_finite(const std::string &path, const std::vector<float> &numbers) {
    for (size_t i = 0; i < numbers.size(); i++) {
        if (std::isfinite(numbers[i])) continue;
        throw bad_input(path + ": element " + std::to_string(i) + " is " +
                        std::to_string(numbers[i]) +
                        ", expected finite numbers: fixed8 has no other");
    }
}

// `shared`: the keys of a head have one scale.
Tensor read_tensor(const std::string &path, lac_type type, bool fixed8, bool shared) {
    Array array = read_npy(path);
    const std::vector<int64_t> &s = array.shape;
    if (s.size() != 3 && s.size() != 4)
        throw bad_input(path + ": shape " + shape_text(s) +
                        ", expected [heads, tokens, head_dim] or [batch, heads, tokens, head_dim]");
    for (const int64_t extent : s)
        if (extent < 1 || extent > INT32_MAX)
            throw bad_input(path + ": shape " + shape_text(s) + ", expected extents of 1 to " +
                            std::to_string(INT32_MAX));
    const size_t n = s.size();
    const Extents extents{n == 4 ? s[0] : 1, s[n - 3], s[n - 2], s[n - 1]};
    if (extents.tokens > LAC_MAX_TOKENS)
        throw bad_input(path + ": " + std::to_string(extents.tokens) +
                        " tokens, expected at most " + std::to_string(LAC_MAX_TOKENS));
    // Only for its check of the head size.
    make_kernel({}, static_cast<int>(extents.features), 0, std::nullopt, path);
    if (fixed8) refuse_non_finite(path, array.data);
    const int64_t row = extents.features * (fixed8 && shared ? extents.tokens : 1);
    array.data = as_stored_rows(array.data, type, static_cast<size_t>(row));
    return {path, std::move(array), extents};
}

std::string counted(int64_t count, const std::string &what) {
    const bool one = count == 1 && what.back() == 's';
    return std::to_string(count) + " " + (one ? what.substr(0, what.size() - 1) : what);
}

void same(const Tensor &a, const Tensor &b, int64_t Extents::*extent, const char *what) {
    if (a.extents.*extent == b.extents.*extent) return;
    throw bad_input(a.path + ": " + counted(a.extents.*extent, what) + ", but " + b.path + " has " +
                    std::to_string(b.extents.*extent));
}

void same_rank(const Tensor &a, const Tensor &b) {
    if (a.array.shape.size() != b.array.shape.size())
        throw bad_input(a.path + ": " + std::to_string(a.array.shape.size()) + " dimensions, but " +
                        b.path + " has " + std::to_string(b.array.shape.size()));
}

void check_keys(const Tensor &q, const Tensor &k) {
    same_rank(k, q);
    same(k, q, &Extents::batch, "sequences");
    same(k, q, &Extents::features, "features");
    if (q.extents.heads % k.extents.heads)
        throw bad_input(k.path + ": " + counted(k.extents.heads, "heads") +
                        ", expected a divisor of the " + std::to_string(q.extents.heads) + " of " +
                        q.path);
    if (k.extents.tokens < q.extents.tokens)
        throw bad_input(k.path + ": " + counted(k.extents.tokens, "tokens") +
                        ", expected at least the " + std::to_string(q.extents.tokens) + " of " +
                        q.path + ": a query's position lies among the keys");
}

void check_values(const Tensor &k, const Tensor &v) {
    same_rank(v, k);
    same(v, k, &Extents::batch, "sequences");
    same(v, k, &Extents::heads, "heads");
    same(v, k, &Extents::tokens, "tokens");
}

}  // namespace

Stored Tensors::stored_q() const {
    return stored_rows(q.data, size.dtypes.q, static_cast<size_t>(size.head_dim));
}
Stored Tensors::stored_k() const {
    return stored_rows(k.data, size.dtypes.k, size.key_row(size.head_dim));
}
Stored Tensors::stored_v() const {
    return stored_rows(v.data, size.dtypes.v, size.key_row(size.value_dim));
}

std::vector<int64_t> Tensors::row_shape(int64_t features) const {
    std::vector<int64_t> shape(q.shape.begin(), q.shape.end() - 1);
    if (features > 0) shape.push_back(features);
    return shape;
}

Tensors read_tensors(const std::string &q_path, const std::string &k_path,
                     const std::string &v_path, const Dtypes &dtypes) {
    const bool fixed8 = dtypes.fixed8();
    Tensor q = read_tensor(q_path, dtypes.q, fixed8, false),
           k = read_tensor(k_path, dtypes.k, fixed8, true);
    check_keys(q, k);
    Tensor v = read_tensor(v_path, dtypes.v, fixed8, true);
    check_values(k, v);
    const auto narrow = [](int64_t extent) { return static_cast<int32_t>(extent); };
    const ProblemSize size{narrow(q.extents.batch),
                           narrow(q.extents.heads),
                           narrow(k.extents.heads),
                           narrow(q.extents.tokens),
                           narrow(k.extents.tokens),
                           narrow(q.extents.features),
                           narrow(v.extents.features),
                           narrow(k.extents.tokens - q.extents.tokens),
                           dtypes};
    return {std::move(q.array), std::move(k.array), std::move(v.array), size};
}

}  // namespace lacuna
