// Q, K and V from files, checked against each other.
#pragma once
#include <string>

#include "cli/elements.h"
#include "cli/npy.h"
#include "cli/problem.h"

namespace lacuna {

struct Tensors {
    Array q, k, v;  // numbers that their types hold
    // Queries are the last positions.
    ProblemSize size;

    Stored stored_q() const, stored_k() const, stored_v() const;
    // Of one row a query: q's without the features, and with `features` when they are not 0.
    std::vector<int64_t> row_shape(int64_t features) const;
};

// Numbers are rounded to the types. Throws a Failure that names the file, and the one it disagrees
// with.
Tensors read_tensors(const std::string &q, const std::string &k, const std::string &v,
                     const Dtypes &dtypes);

}  // namespace lacuna
