// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/time.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace ravelin {

/// A hierarchical timer wheel over indices 0 .. capacity-1, each armed at most once.
///
/// Theory of operation: four levels of 256 slots; level 0 has one tick per slot, each next level
/// 256 times that. A slot is a list of 64-byte chunks that hold indices one after the other, so
/// that firing a slot reads memory in order and the entries behind the indices can be prefetched.
/// Disarming moves the slot's last index into the gap, so that the number of chunks is bounded by
/// capacity / 14 + slots and nothing is allocated after construction.
///
/// The wheel is lazy: a deadline that moves later isn't told to it. When a slot fires, advance()
/// asks for the index's deadline and puts it where it belongs now. Only a deadline that moves
/// earlier needs arm() again (ADR 6).
class Wheel {
  public:
    static constexpr uint32_t kNone = UINT32_MAX;

    Wheel(uint32_t capacity, Tick start);

    /// Puts `index` at `deadline`, or moves it there. A deadline that has passed fires at the next
    /// advance().
    void arm(uint32_t index, Tick deadline) noexcept;
    /// Takes `index` out; nothing happens if it is not in.
    void disarm(uint32_t index) noexcept;
    [[nodiscard]] bool armed(uint32_t index) const noexcept { return place_[index] != kNone; }
    [[nodiscard]] uint32_t size() const noexcept { return size_; }

    /// Handles indices whose slot has come, at most `budget` of them; what is left comes first next
    /// time. `prefetch(index)` is called some indices ahead. `deadline(index)` returns the current
    /// deadline: later than the wheel's time means "not yet" and the index is put there; otherwise
    /// it is taken out of the wheel and `expired(index)` is called, which may arm and disarm.
    /// Returns how many indices were handled.
    template <class Prefetch, class Deadline, class Expired>
    uint32_t advance(Tick now, uint32_t budget, Prefetch&& prefetch, Deadline&& deadline,
                     Expired&& expired) noexcept;

    /// How many ticks the wheel is behind `now` because of the budget.
    [[nodiscard]] uint32_t lag(Tick now) const noexcept;
    [[nodiscard]] size_t memory_bytes() const noexcept;

    // ... (private part by the implementation)
};

}  // namespace ravelin
