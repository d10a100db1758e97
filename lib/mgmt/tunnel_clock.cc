// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/tunnel_clock.h"

#include "mgmt/text.h"

#include <algorithm>
#include <cmath>

namespace ravelin {

namespace {

/// "7.2"
std::string tenths(Duration duration) {
    const auto count = std::chrono::abs(duration + (duration < 0s ? -50ms : 50ms)) / 100ms;
    return std::to_string(count / 10) + "." + std::to_string(count % 10);
}

std::string one_end(Duration duration) {
    return tenths(duration) + (duration < 0s ? " s behind" : " s ahead");
}

/// 50 ppm: a worse oscillator than that is worth a word.
constexpr int64_t kWorstDrift = 20000;

}  // namespace

std::string clock_words(const ClockOffset& offset) {
    if (offset.low >= 0s) return tenths(offset.low) + " to " + one_end(offset.high);
    if (offset.high <= 0s) return tenths(offset.high) + " to " + one_end(offset.low);
    return one_end(offset.low) + " to " + one_end(offset.high);
}

std::optional<Duration> PeerClock::add(uint64_t unix_seconds, Duration wall, Instant at) {
    // Packets have 32 bits for it; more would not fit into nanoseconds.
    const Duration told =
        std::chrono::seconds{std::min<uint64_t>(unix_seconds, std::uint32_t{UINT32_MAX})};
    const ClockOffset sample{told - wall, told - wall + kResolution};
    const Duration move = sample.middle() - trend_last_;
    const Duration gap = at - last_;
    last_ = at;
    trend_last_ = sample.middle();
    if (!trend_begun_) {
        trend_begun_ = true;
        trend_begin_ = at;
        trend_first_ = sample.middle();
    }
    const ClockOffset both{std::max(offset_.low, sample.low), std::min(offset_.high, sample.high)};
    if (samples_ != 0 && both.low <= both.high) {
        offset_ = both;
        ++samples_;
        return std::nullopt;
    }
    const bool first = samples_ == 0;
    offset_ = sample;
    samples_ = 1;
    // Against the last sample alone: what many have narrowed may be long ago, and clocks drift.
    if (first || std::chrono::abs(move) <= kResolution + kStep + gap / kWorstDrift)
        return std::nullopt;
    trend_begin_ = at;
    trend_first_ = sample.middle();
    return move;
}

void PeerClock::shift(Duration by) noexcept {
    offset_.low -= by;
    offset_.high -= by;
    trend_last_ -= by;
    // How fast the other clock runs against ours can't be told across a step of ours.
    trend_begun_ = false;
}

std::optional<PeerClock::Trend> PeerClock::trend() const noexcept {
    if (!trend_begun_) return std::nullopt;
    const Duration span = last_ - trend_begin_;
    if (span < kTrendSpan) return std::nullopt;
    return Trend{seconds(trend_last_ - trend_first_) / seconds(span) * 1e6,
                 seconds(kResolution) / seconds(span) * 1e6};
}

}  // namespace ravelin
