// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <chrono>
#include <cstdint>

namespace ravelin {

/// A clock that nobody can read.
///
/// It deliberately has no now(): everything below lib/dpdk and app/ gets the time as a
/// parameter, so that it can be tested without waiting (ADR 2).
struct AppClock {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<AppClock, duration>;
    static constexpr bool is_steady = true;
};

/// A point of monotonic time. The origin is arbitrary (the worker's start, or a capture's first
/// packet); only differences mean something.
using Instant = AppClock::time_point;
using Duration = AppClock::duration;

using namespace std::chrono_literals;  // NOLINT(google-global-names-in-headers): 30s is the house
                                       // style

/// Resolution of every timeout: nothing expires early, nothing more than one tick late.
inline constexpr Duration kTick = 10ms;

/// Monotonic time in ticks, kept in 32 bits inside connections and the timer wheel.
///
/// It wraps after 497 days, so two values are compared by their difference only; that is
/// correct while they are less than 248 days apart, and every timeout is bounded far below.
class Tick {
  public:
    constexpr Tick() noexcept = default;
    constexpr explicit Tick(uint32_t value) noexcept : value_{value} {}

    /// The last tick that has begun at `now` (rounds down): what has passed.
    static constexpr Tick at(Instant now) noexcept {
        return Tick{static_cast<uint32_t>(now.time_since_epoch() / kTick)};
    }
    /// The first tick that is not before `instant` (rounds up): a deadline never comes early.
    static constexpr Tick not_before(Instant instant) noexcept {
        return at(instant + (kTick - Duration{1}));
    }

    [[nodiscard]] constexpr uint32_t value() const noexcept { return value_; }
    /// Signed distance from `earlier` to this tick.
    [[nodiscard]] constexpr int32_t since(Tick earlier) const noexcept {
        return static_cast<int32_t>(value_ - earlier.value_);
    }
    [[nodiscard]] constexpr bool before(Tick other) const noexcept { return since(other) < 0; }
    constexpr Tick operator+(int32_t ticks) const noexcept {
        return Tick{value_ + static_cast<uint32_t>(ticks)};
    }
    constexpr bool operator==(const Tick&) const noexcept = default;

  private:
    uint32_t value_ = 0;
};
static_assert(sizeof(Tick) == 4);

}  // namespace ravelin
