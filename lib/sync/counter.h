// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <atomic>
#include <cstdint>

namespace ravelin {

/// A counter with exactly one writing thread and any number of readers.
///
/// add() is a plain load, add and store, not a locked instruction; that is only correct because
/// the owning worker is the sole writer.
class Counter {
  public:
    void add(uint64_t n = 1) noexcept {
        value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
    /// Of a gauge.
    void subtract() noexcept {
        value_.store(value_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
    }
    void set(uint64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
    [[nodiscard]] uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<uint64_t> value_{0};
};

}  // namespace ravelin
