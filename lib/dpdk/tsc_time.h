// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "dpdk/tsc_clock.h"

#include <atomic>
#include <cstdint>

namespace ravelin {

/// The counter and CLOCK_MONOTONIC_RAW at one moment.
struct TscSample {
    uint64_t ticks = 0;
    Duration raw{};

    static TscSample take() noexcept;
};

/// Whether the counter runs at one rate whatever the processor does (CPUID 80000007h, EDX bit 8).
[[nodiscard]] bool tsc_is_invariant() noexcept;

/// The counter's frequency over the time since `begin`, at least 100 ms: waits for what is missing.
///
/// EAL's own figure isn't enough: where the processor doesn't tell, it measures for 100 ms and
/// rounds to 10 MHz, which is up to 2,000 ppm, or 0.4 s in the three minutes of a VPN's timer.
[[nodiscard]] uint64_t measure_tsc_hertz(const TscSample& begin) noexcept;
/// The same between two samples.
[[nodiscard]] uint64_t tsc_hertz_between(const TscSample& begin, const TscSample& end) noexcept;

/// The line that all clocks of the process share (ADR 16). Begins at Instant{}.
class TscTime {
  public:
    TscTime(uint64_t hertz, uint64_t origin) noexcept;

    /// Any thread; never goes back, whichever thread asks.
    [[nodiscard]] Instant now() noexcept;
    [[nodiscard]] Instant at(uint64_t ticks) noexcept;

    /// The line goes on from here, `rate` times as steep: it bends, it doesn't jump. One thread.
    void bend(double rate) noexcept;
    void bend_at(double rate, uint64_t ticks) noexcept;

    /// Ticks per second, as the line has them now.
    [[nodiscard]] double hertz() const noexcept;

    /// For one thread that reads often.
    [[nodiscard]] TscClock clock() const noexcept { return TscClock{line_}; }

  private:
    Sequenced<TscLine> line_;
    std::atomic<int64_t> latest_{0};  ///< that anybody was told, in nanoseconds
};

}  // namespace ravelin
