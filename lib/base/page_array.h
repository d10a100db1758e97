// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/check.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <sys/mman.h>
#include <type_traits>

namespace ravelin {

/// A fixed array for the big tables: on 2 MiB pages where the kernel has them, and touched once at
/// construction, so that the packet path never meets a page fault.
///
/// A table of a million connections on 4 KiB pages costs twice the latency of one on 2 MiB pages.
template <class T>
class PageArray {
    static_assert(std::is_trivially_destructible_v<T>);

  public:
    explicit PageArray(size_t count) : count_{count} {
        constexpr size_t kPage = size_t{2} << 20;
        const size_t bytes = count * sizeof(T);
        const size_t alignment = bytes >= kPage ? kPage : alignof(std::max_align_t) * 8;
        const size_t rounded = (bytes + alignment - 1) / alignment * alignment;
        memory_ = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded);
        CHECK(memory_ != nullptr);
        // Advice only: without it the table works on small pages.
        if (bytes >= kPage) static_cast<void>(madvise(memory_, rounded, MADV_HUGEPAGE));
        elements_ = static_cast<T*>(memory_);
        std::uninitialized_value_construct_n(elements_, count);
    }
    ~PageArray() { std::free(memory_); }
    PageArray(const PageArray&) = delete;
    PageArray& operator=(const PageArray&) = delete;

    T& operator[](size_t i) noexcept {
        DCHECK(i < count_);
        return elements_[i];
    }
    const T& operator[](size_t i) const noexcept {
        DCHECK(i < count_);
        return elements_[i];
    }
    [[nodiscard]] size_t size() const noexcept { return count_; }
    [[nodiscard]] size_t bytes() const noexcept { return count_ * sizeof(T); }

  private:
    size_t count_;
    void* memory_ = nullptr;
    T* elements_ = nullptr;
};

}  // namespace ravelin
