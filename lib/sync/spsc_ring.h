// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/check.h"

#include <rte_ring.h>
#include <rte_ring_elem.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <type_traits>

namespace ravelin {

/// A bounded ring from exactly one writing thread to exactly one reading thread.
///
/// Elements are copied; their size is a multiple of 4 bytes. The memory is the process's own (the
/// ring needs no EAL), taken at construction.
template <class T>
class SpscRing {
    // NOLINTNEXTLINE(bugprone-sizeof-expression): of pointers, it is those that are copied.
    static constexpr uint32_t kElementBytes = sizeof(T);
    static_assert(std::is_trivially_copyable_v<T> && kElementBytes % 4 == 0);

  public:
    /// Holds `capacity` elements, a power of two minus one or rounded up to that.
    explicit SpscRing(uint32_t capacity) {
        uint32_t count = 2;
        while (count < capacity + 1)
            count *= 2;
        const ssize_t bytes = rte_ring_get_memsize_elem(kElementBytes, count);
        CHECK(bytes > 0);
        memory_ = std::aligned_alloc(RTE_CACHE_LINE_SIZE,
                                     (static_cast<size_t>(bytes) + RTE_CACHE_LINE_SIZE - 1) /
                                         RTE_CACHE_LINE_SIZE * RTE_CACHE_LINE_SIZE);
        CHECK(memory_ != nullptr);
        ring_ = static_cast<rte_ring*>(memory_);
        CHECK(rte_ring_init(ring_, "spsc", count, RING_F_SP_ENQ | RING_F_SC_DEQ) == 0);
    }
    ~SpscRing() { std::free(memory_); }
    SpscRing(const SpscRing&) = delete;
    SpscRing& operator=(const SpscRing&) = delete;

    /// Writer: appends as many as there is room for; returns how many.
    uint32_t push(const T* elements, uint32_t count) noexcept {
        return rte_ring_sp_enqueue_burst_elem(ring_, elements, kElementBytes, count, nullptr);
    }
    bool push(const T& element) noexcept { return push(&element, 1) == 1; }

    /// Reader: takes up to `count`; returns how many.
    uint32_t pop(T* elements, uint32_t count) noexcept {
        return rte_ring_sc_dequeue_burst_elem(ring_, elements, kElementBytes, count, nullptr);
    }

    /// From any thread; what it was a moment ago.
    [[nodiscard]] uint32_t size() const noexcept {
        const uint32_t taken = __atomic_load_n(&ring_->cons.tail, __ATOMIC_ACQUIRE);
        const uint32_t added = __atomic_load_n(&ring_->prod.tail, __ATOMIC_ACQUIRE);
        return added - taken;
    }
    [[nodiscard]] uint32_t capacity() const noexcept { return rte_ring_get_capacity(ring_); }

  private:
    void* memory_ = nullptr;
    rte_ring* ring_ = nullptr;
};

}  // namespace ravelin
