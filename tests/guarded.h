// Memory with an inaccessible page on each side, flush against one of them: the one overread
// check that works for any kernel on any target.
#pragma once
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <stdexcept>

namespace lacuna {

enum class Flush { kFront, kBack };

class Guarded {
public:
    Guarded(size_t bytes, Flush flush) {
        const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
        inner_ = (bytes + page - 1) / page * page;
        total_ = inner_ + 2 * page;
        void *map = mmap(nullptr, total_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (map == MAP_FAILED) throw std::runtime_error("mmap");
        map_ = static_cast<uint8_t *>(map);
        if (inner_ > 0 && mprotect(map_ + page, inner_, PROT_READ | PROT_WRITE) != 0)
            throw std::runtime_error("mprotect");
        data_ = map_ + page + (flush == Flush::kBack ? inner_ - bytes : 0);
        page_ = page;
    }
    ~Guarded() { munmap(map_, total_); }
    Guarded(const Guarded &) = delete;
    Guarded &operator=(const Guarded &) = delete;

    void *data() const { return data_; }
    uint8_t *bytes() const { return data_; }
    float *floats() const { return static_cast<float *>(data()); }
    void make_read_only() const { mprotect(map_ + page_, inner_, PROT_READ); }

private:
    uint8_t *map_ = nullptr, *data_ = nullptr;
    size_t inner_ = 0, total_ = 0, page_ = 0;
};

}  // namespace lacuna
