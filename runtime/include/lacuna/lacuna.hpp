// The C++ face of lacuna.h: the same calls, with memory owned and errors thrown. For C++17 apps;
// hot loops may keep to the C calls, which these forward to.
#ifndef LACUNA_HPP
#define LACUNA_HPP
#include <cstdlib>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>

#include "lacuna/lacuna.h"

namespace lac {

struct Error : std::runtime_error {
    explicit Error(lac_status s) : std::runtime_error(lac_status_message(s)), status(s) {}
    lac_status status;
};
inline void check(lac_status s) {
    if (s != LAC_OK) throw Error(s);
}

// Memory aligned as plans, workspaces and pools want it.
class Memory {
public:
    explicit Memory(size_t bytes = 0)
        : bytes_(bytes), data_(::operator new(bytes, std::align_val_t(LAC_MEMORY_ALIGNMENT))) {}
    void *data() const { return data_.get(); }
    size_t bytes() const { return bytes_; }

private:
    struct Free {
        void operator()(void *p) const {
            ::operator delete(p, std::align_val_t(LAC_MEMORY_ALIGNMENT));
        }
    };
    size_t bytes_;
    std::unique_ptr<void, Free> data_;
};

inline lac_pattern pattern(const std::string &text) {
    lac_pattern p;
    lac_pattern_error e;
    if (lac_pattern_parse(text.c_str(), &p, &e) != LAC_OK)
        throw std::invalid_argument(text + ": column " + std::to_string(e.column) + ": expected " +
                                    e.expected);
    return p;
}

// C-ordered [batch, heads, tokens, features].
inline lac_tensor tensor(lac_type type, void *data, int32_t batch, int32_t heads, int32_t tokens,
                         int32_t features) {
    const int64_t row = features * static_cast<int64_t>(lac_type_bytes(type)), head = row * tokens;
    return {sizeof(lac_tensor), type, data, batch,   heads, tokens, features,
            head * heads,       head, row,  nullptr, 0,     0};
}
inline lac_tensor tensor(float *data, int32_t batch, int32_t heads, int32_t tokens,
                         int32_t features) {
    return tensor(LAC_F32, data, batch, heads, tokens, features);
}

// Threads that sleep between calls.
class Pool {
public:
    explicit Pool(int32_t threads) : memory_(lac_pool_bytes(threads)), threads_(threads) {
        check(lac_pool_create(threads, memory_.data(), memory_.bytes(), &pool_));
    }
    ~Pool() { lac_pool_destroy(pool_); }
    Pool(const Pool &) = delete;
    Pool &operator=(const Pool &) = delete;
    void use_in(lac_args &args) const {
        args.threads = threads_;
        args.parallel_for = lac_pool_run;
        args.parallel_context = pool_;
    }

private:
    Memory memory_;
    int32_t threads_;
    lac_pool *pool_ = nullptr;
};

// A kernel, its plan for one shape, and a workspace: call it once per layer.
class Attention {
public:
    Attention(const lac_bundle &bundle, const lac_request &request, const lac_pattern &pattern,
              const lac_shape &shape, int32_t threads = 1) {
        check(lac_kernel_find(&bundle, &request, &kernel_));
        size_t bytes = 0;
        check(lac_plan_bytes(&kernel_, &pattern, &shape, &bytes));
        plan_memory_ = Memory(bytes);
        check(lac_plan_init(&kernel_, &pattern, &shape, plan_memory_.data(), bytes, &plan_));
        workspace_ = Memory(lac_workspace_bytes(plan_, threads));
    }
    void operator()(const lac_tensor &q, const lac_tensor &k, const lac_tensor &v,
                    const lac_tensor &out, const lac_args *args = nullptr) {
        check(lac_attention(&kernel_, plan_, &q, &k, &v, &out, args, workspace_.data(),
                            workspace_.bytes()));
    }
    const lac_kernel &kernel() const { return kernel_; }
    const lac_plan *plan() const { return plan_; }
    size_t workspace_bytes() const { return workspace_.bytes(); }

private:
    lac_kernel kernel_{};
    Memory plan_memory_, workspace_;
    const lac_plan *plan_ = nullptr;
};

}  // namespace lac
#endif
