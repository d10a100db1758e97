// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/time.h"

#include <cstdint>
#include <optional>
#include <string>

namespace ravelin {

/// How far another clock is ahead of ours, at least and at most; negative: behind.
struct ClockOffset {
    Duration low{};
    Duration high{};

    [[nodiscard]] Duration middle() const noexcept { return low + (high - low) / 2; }
    /// Surely further off than this.
    [[nodiscard]] bool beyond(Duration limit) const noexcept {
        return low > limit || high < -limit;
    }
};

/// `client` against `server`: needs no clock of ours.
[[nodiscard]] constexpr ClockOffset operator-(const ClockOffset& a, const ClockOffset& b) noexcept {
    return {a.low - b.high, a.high - b.low};
}

/// "6.2 to 7.2 s ahead", "0.4 s behind to 0.6 s ahead"
[[nodiscard]] std::string clock_words(const ClockOffset& offset);

/// What is known of a peer's clock from the times that it puts into its packets.
///
/// A packet says whole seconds, so that one sample tells the offset within a second. Samples are
/// intersected; one that doesn't fit starts anew, and when it is further off than drift and delay
/// explain, somebody has set that clock (vpn.md B.3, F).
class PeerClock {
  public:
    static constexpr Duration kResolution = 1s;
    static constexpr Duration kStep = 500ms;  ///< a misfit of more than this is a step
    static constexpr Duration kTrendSpan = 48h;

    struct Trend {
        double ppm = 0;    ///< positive: it runs fast
        double error = 0;  ///< what the whole seconds leave open
    };

    /// At Unix time `wall` of our clock a packet came that says `unix_seconds`. Returns by how much
    /// its clock was stepped since the last sample, if it was.
    std::optional<Duration> add(uint64_t unix_seconds, Duration wall, Instant at);
    /// Our own wall clock was set forward by that much.
    void shift(Duration by) noexcept;

    [[nodiscard]] uint32_t samples() const noexcept { return samples_; }
    [[nodiscard]] bool known() const noexcept { return samples_ != 0; }
    [[nodiscard]] const ClockOffset& offset() const noexcept { return offset_; }
    [[nodiscard]] std::optional<Trend> trend() const noexcept;
    [[nodiscard]] Instant last() const noexcept { return last_; }

  private:
    ClockOffset offset_{};
    uint32_t samples_ = 0;  ///< since it last began anew
    Instant last_{};
    // For the trend: sample intervals, not intersections.
    Instant trend_begin_{};
    Duration trend_first_{};
    Duration trend_last_{};
    bool trend_begun_ = false;
};

}  // namespace ravelin
