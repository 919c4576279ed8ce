// attention.c in C++, on several threads: attention PATTERN q.npy k.npy v.npy out.npy [THREADS]
#include <lac.h>
#include <algorithm>
#include <chrono>
#include <iostream>
#include <vector>

#include "lacuna/lacuna.hpp"
#include "npy.h"

struct Array : npy {
    Array(const std::string &path, int heads, unsigned seed) {
        const char *why = npy_read_or_make(path.c_str(), heads, 2048, 64, seed, this);
        if (why) throw std::runtime_error(path + ": " + why);
    }
    lac_tensor tensor() const { return lac::tensor(data, 1, shape[0], shape[1], shape[2]); }
};

// Milliseconds of the best of some calls.
double attend(const lac_pattern &pattern, const lac_tensor &q, const lac_tensor &k,
              const lac_tensor &v, const lac_tensor &out, int threads) {
    const lac_request request{sizeof request, LAC_F32, q.features, v.features,
                              &pattern,       {},      {},         {}};
    const lac_shape shape{sizeof shape, 1,       q.heads, k.heads, q.tokens, k.tokens,
                          nullptr,      nullptr, nullptr, nullptr, nullptr,  0};
    lac::Attention attention(lac_kernels, request, pattern, shape, threads);
    lac::Pool pool(threads);
    lac_args args{};
    args.size = sizeof args;
    pool.use_in(args);
    double best = 1e30;
    for (int call = 0; call < 10; call++) {
        const auto start = std::chrono::steady_clock::now();
        attention(q, k, v, out, &args);
        const auto taken = std::chrono::steady_clock::now() - start;
        best = std::min(best, std::chrono::duration<double, std::milli>(taken).count());
    }
    return best;
}

void run(const std::vector<std::string> &arguments) {
    if (arguments.size() < 5) throw std::runtime_error("PATTERN q.npy k.npy v.npy out.npy [N]");
    const Array q(arguments[1], 8, 1), k(arguments[2], 2, 2), v(arguments[3], 2, 3);
    const int threads = arguments.size() > 5 ? std::stoi(arguments[5]) : 1;
    const lac_pattern pattern = lac::pattern(arguments[0]);
    const lac_pattern dense = lac::pattern(pattern.bidi ? "bidi/dense" : "dense");
    std::vector<float> values(size_t(q.shape[0]) * q.shape[1] * v.shape[2]);
    const npy o{values.data(), 3, {q.shape[0], q.shape[1], v.shape[2]}, values.size()};
    const lac_tensor out = lac::tensor(o.data, 1, o.shape[0], o.shape[1], o.shape[2]);
    const double full = attend(dense, q.tensor(), k.tensor(), v.tensor(), out, threads);
    const double kept = attend(pattern, q.tensor(), k.tensor(), v.tensor(), out, threads);
    std::cout << threads << " threads: pattern " << kept << " ms, dense " << full << " ms\n";
    if (const char *why = npy_write(arguments[4].c_str(), &o)) throw std::runtime_error(why);
}

int main(int argc, char **argv) try {
    run({argv + 1, argv + argc});
} catch (const std::exception &error) {
    std::cerr << "attention: " << error.what() << "\n";
    return 1;
}
