// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <cstdint>

namespace ravelin::load {

/// So many events per second, as far as the caller keeps up.
class Pace {
  public:
    /// `per_second` 0: as many as wanted.
    Pace(double per_second, double ticks_per_second, uint64_t now) noexcept
        : per_tick_{per_second / ticks_per_second},
          most_{std::max(1.0, per_second * kMostBehind)},
          last_{now},
          unlimited_{per_second == 0} {}

    /// Events that are due, at most `most`; take() what is done of them. What the caller is behind
    /// by more than kMostBehind seconds is given up: a burst to make up for it would only test
    /// the length of queues.
    uint32_t due(uint64_t now, uint32_t most) noexcept {
        if (unlimited_) return most;
        owed_ += static_cast<double>(now - last_) * per_tick_;
        last_ = now;
        if (owed_ > most_) {
            missed_ += owed_ - most_;
            owed_ = most_;
        }
        return std::min(most, static_cast<uint32_t>(owed_));
    }
    void take(uint32_t count) noexcept {
        if (!unlimited_) owed_ -= count;
    }
    /// Events that were given up.
    [[nodiscard]] uint64_t missed() const noexcept { return static_cast<uint64_t>(missed_); }

    static constexpr double kMostBehind = 0.01;

  private:
    double per_tick_;
    double most_;
    double owed_ = 0;
    double missed_ = 0;
    uint64_t last_;
    bool unlimited_;
};

/// Picks a share (0 to 1) of all events, evenly spread.
class Share {
  public:
    explicit Share(double share) noexcept : share_{share} {}
    bool next() noexcept {
        owed_ += share_;
        if (owed_ < 1) return false;
        owed_ -= 1;
        return true;
    }

  private:
    double share_;
    double owed_ = 0;
};

}  // namespace ravelin::load
