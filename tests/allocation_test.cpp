// Planning and attending allocate nothing and print nothing. The C library's allocator is
// replaced in this program by one that counts.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>

#include "lacuna/lacuna.hpp"
#include "tests/harness.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LACUNA_OTHER_ALLOCATOR 1  // the sanitizer's own, which must stay
#endif

namespace {
std::atomic<long> calls{0};  // of any allocator entry point, on any thread
}

#if !defined(LACUNA_OTHER_ALLOCATOR)
extern "C" {
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
void __libc_free(void *);

// operator new and delete end here as well.
// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): glibc names them with __
void *malloc(size_t n) noexcept { return calls++, __libc_malloc(n); }
void *calloc(size_t n, size_t size) noexcept { return calls++, __libc_calloc(n, size); }
void *realloc(void *p, size_t n) noexcept { return calls++, __libc_realloc(p, n); }
void free(void *p) noexcept {
    calls++;
    __libc_free(p);
}
void *aligned_alloc(size_t alignment, size_t n) noexcept {
    return calls++, __libc_memalign(alignment, n);
}
void *memalign(size_t alignment, size_t n) noexcept {
    return calls++, __libc_memalign(alignment, n);
}
int posix_memalign(void **p, size_t alignment, size_t n) noexcept {
    calls++;
    *p = __libc_memalign(alignment, n);
    return *p ? 0 : ENOMEM;
}
// NOLINTEND(readability-inconsistent-declaration-parameter-name)
}
#endif

namespace lacuna {
namespace {

// Sends stdout and stderr to a file while it lives.
class Silence {
public:
    Silence() : file_(std::tmpfile()) {
        std::fflush(nullptr);
        for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) {
            saved_[fd] = dup(fd);
            dup2(fileno(file_), fd);
        }
    }
    ~Silence() {
        for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) {
            dup2(saved_[fd], fd);
            close(saved_[fd]);
        }
        std::fclose(file_);
    }
    long written() const {
        std::fflush(nullptr);
        struct stat s{};
        fstat(fileno(file_), &s);
        return static_cast<long>(s.st_size);
    }

private:
    FILE *file_;
    int saved_[3] = {};
};

struct Made {
    long allocator_calls, bytes_printed;
};

template <class Action>
Made during(Action action) {
    const Silence silence;
    const long before = calls;
    action();
    const long after = calls;
    return {after - before, silence.written()};
}

TEST(Allocation, TheCountersCount) {
    const Made made = during([] {
        delete new std::string(1000, 'x');
        std::fputs("1234", stderr);
    });
#if !defined(LACUNA_OTHER_ALLOCATOR)
    EXPECT_GE(made.allocator_calls, 4);
#endif
    EXPECT_EQ(made.bytes_printed, 4);
}

class Allocation : public testing::TestWithParam<std::string> {};

void expect_none(const Made &made, const char *what) {
#if !defined(LACUNA_OTHER_ALLOCATOR)
    EXPECT_EQ(made.allocator_calls, 0) << what;
#endif
    EXPECT_EQ(made.bytes_printed, 0) << what;
}

Problem problem(const std::string &pattern) {
    Problem p;
    p.pattern = pattern;
    p.batch = 2;
    p.heads = 6;
    p.kv_heads = 2;
    p.q_tokens = p.k_tokens = 130;
    return p;
}

void expect_none_while_attending(const Problem &p, const std::string &tier) {
    Tensors t(p);
    setenv("LACUNA_TIER", tier.c_str(), 1);
    const lac_pattern pattern = parse(p.pattern);
    const lac_request request{sizeof(lac_request), LAC_F32, 64, 64, nullptr, {}, {}, {}};
    const lac_shape shape = p.shape();
    lac_lists lists = p.lists ? *p.lists : lac_lists{};
    lac_kernel kernel{};
    size_t bytes = 0;
    lac_status status = LAC_OK;
    expect_none(during([&] {
                    status = lac_kernel_find(&lac_kernels, &request, &kernel);
                    if (status == LAC_OK && p.lists)
                        status = lac_lists_check(&pattern, &shape, &lists, nullptr);
                    if (status == LAC_OK)
                        status = lac_plan_bytes(&kernel, &pattern, &shape, &bytes);
                }),
                "finding and measuring");
    ASSERT_EQ(status, LAC_OK);
    const lac::Memory plan_memory(bytes);
    const lac_plan *plan = nullptr;
    expect_none(during([&] {
                    status =
                        lac_plan_init(&kernel, &pattern, &shape, plan_memory.data(), bytes, &plan);
                }),
                "planning");
    ASSERT_EQ(status, LAC_OK);
    const lac::Memory workspace(lac_workspace_bytes(plan, 3));
    const lac_tensor q = t.q.view(), k = t.k.view(), v = t.v.view(), out = t.out.view();
    const lac::Pool pool(3);
    for (const bool pooled : {false, true}) {
        lac_args args{};
        args.size = sizeof args;
        args.log_sum_exp = t.log_sum_exp.data();
        if (pooled) pool.use_in(args);
        expect_none(during([&] {
                        status = lac_attention(&kernel, plan, &q, &k, &v, &out, &args,
                                               workspace.data(), workspace.bytes());
                    }),
                    pooled ? "attending in a pool" : "attending");
        EXPECT_EQ(status, LAC_OK);
    }
    EXPECT_LE(judge(p, t).error_ratio, 1.0);
}

TEST_P(Allocation, NoneWhilePlanningAndAttending) {
    for (const char *pattern : {"window:16+strided:8+sink:2", "mask:csr+global:list", "mask:pairs",
                                "topk:30,tile=4,block=8"}) {
        Problem p = problem(pattern);
        if (reads_lists(parse(pattern))) give_lists(p, 2, false);
        expect_none_while_attending(p, GetParam());
    }
}

// Errors are statuses and nothing else.
TEST_P(Allocation, NoneWhileRefusing) {
    setenv("LACUNA_TIER", GetParam().c_str(), 1);
    const lac_request request{sizeof(lac_request), LAC_F32, 63, 64, nullptr, {}, {}, {}};
    lac_kernel kernel{};
    lac_pattern pattern;
    lac_pattern_error error;
    lac_pool *pool = nullptr;
    expect_none(during([&] {
                    lac_kernel_find(&lac_kernels, &request, &kernel);
                    lac_pattern_parse("windo:3", &pattern, &error);
                    lac_pool_create(0, &pattern, 1, &pool);
                    lac_plan_bytes(nullptr, nullptr, nullptr, nullptr);
                    lac_plan_init(nullptr, nullptr, nullptr, nullptr, 0, nullptr);
                    lac_attention(nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr,
                                  nullptr, 0);
                }),
                "refusing");
}

INSTANTIATE_TEST_SUITE_P(Tiers, Allocation, testing::ValuesIn(runnable_tiers()),
                         [](const auto &info) { return info.param; });

}  // namespace
}  // namespace lacuna
