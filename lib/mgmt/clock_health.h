// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/time.h"
#include "mgmt/appliance.h"
#include "mgmt/host_clocks.h"
#include "mgmt/management_counters.h"

#include <array>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ravelin {

/// Something that happened to a clock: a log line, and an event for those who listen.
struct ClockNews {
    enum class Kind : uint8_t {
        WallStep,
        Synchronised,
        Unsynchronised,
        TimeSource,
        Jump,
        Bent,
        Pause,
        Count
    };
    Kind kind = Kind::WallStep;
    LogLevel level = LogLevel::Warning;
    Duration by{};  ///< step, jump or pause
    std::string text;
};
[[nodiscard]] const char* keyword(ClockNews::Kind kind) noexcept;

/// How the timers' clock did over the last window, against a clock of the kernel.
struct ClockRate {
    Duration error{};  ///< gained since the start, jumps left out
    double ppm = 0;    ///< too fast (over 0) or too slow, over the last window
};

/// All that is known about the host's clocks.
struct ClockStatus {
    bool looked = false;  ///< at least once
    KernelClock kernel{};
    std::optional<ChronyTracking> chrony;  ///< nothing: it doesn't answer
    // The wall clock.
    std::array<uint64_t, 2> steps{};  ///< forward, back
    Duration last_step{};
    Instant last_step_at{};
    // The timers' clock.
    bool measured = false;  ///< over at least one window
    ClockRate against_monotonic{};
    ClockRate against_raw{};
    uint64_t bends = 0;
    uint64_t jumps = 0;
};

/// Whether our own wall clock may judge another's.
struct WallClockTrust {
    bool synchronised = false;
    Duration max_error{};  ///< when synchronised: how wrong it may be
};

/// Judges the host's clocks: whether the timers' clock runs as CLOCK_MONOTONIC_RAW does, whether
/// the wall clock is synchronised, and whether somebody set it.
///
/// Nothing of it ever reaches a timer, but one thing: when the timers' clock runs too fast or too
/// slow by more than kBearable, it is bent to the right rate (ADR 16). The management thread calls
/// look(); any thread may ask for the status.
class ClockHealth {
  public:
    /// Ten milliseconds, a tick, in 200 s, which is a VPN's usual timeout.
    static constexpr double kBearablePpm = 50;
    static constexpr Duration kWindow = 4s;
    /// Between two looks: more than this is a jump of the counter and no matter of rate.
    static constexpr Duration kJump = 250ms;
    /// How fast chronyd moves a wall clock that it doesn't step, at most: 83,333 ppm.
    static constexpr double kFastestSlew = 0.1;
    static constexpr Duration kLeastStep = 100ms;
    static constexpr Duration kLeastToldStep = 1ms;  ///< of one that the kernel has told of
    /// NTP moves CLOCK_MONOTONIC's rate by 500 ppm at most, unless it is far off.
    static constexpr double kOddPpm = 600;

    explicit ClockHealth(std::function<void(double rate)> bend) : bend_{std::move(bend)} {}

    /// A reading in which the thread lost its CPU for longer says nothing about a rate.
    static constexpr Duration kWorstReading = 50us;

    /// Takes a reading in, about once a second; what it means comes back.
    std::vector<ClockNews> look(const ClockReading& reading);
    /// Pauses of the workers since the last call. Management thread only.
    std::vector<ClockNews> look_at_workers(const Appliance& appliance);

    [[nodiscard]] ClockStatus status() const;
    [[nodiscard]] WallClockTrust wall_clock_trust() const;

    // Findings of `ravelinctl health`; empty when all is well.
    [[nodiscard]] std::string timer_finding(const TimerClock& timer) const;
    [[nodiscard]] std::string wall_finding() const;

  private:
    using News = std::vector<ClockNews>;

    void judge_wall(const ClockReading& reading, News& news);
    void judge_kernel(const KernelClock& kernel, News& news);
    void judge_chrony(const std::optional<ChronyTracking>& chrony, News& news);
    void judge_timers(const ClockReading& reading, News& news);
    void judge_rate(const ClockReading& reading, News& news);

    std::function<void(double)> bend_;
    mutable std::mutex mutex_;
    ClockStatus status_;
    std::optional<ClockReading> previous_;
    ClockReading first_{};                               ///< its `own` moves along with every jump
    ClockReading window_{};                              ///< where it began
    std::vector<std::pair<uint64_t, Duration>> paused_;  ///< by worker: pauses told, their sum
};

/// "+7.0 s", "-86400.0 s", "+1.5 ms".
[[nodiscard]] std::string signed_duration(Duration duration);

/// One line of JSON for the event stream.
[[nodiscard]] std::string clock_event_json(const ClockNews& news, Instant now,
                                           Duration unix_offset);

/// The answer to {"cmd":"clock"}: one object, without its end.
[[nodiscard]] std::string clock_json(const Appliance& appliance);

}  // namespace ravelin
