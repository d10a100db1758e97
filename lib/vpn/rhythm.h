// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/time.h"

#include <array>
#include <cstdint>

namespace ravelin {

/// Learns the interval of one side's keepalives: the median of the last eight gaps between two
/// keepalives with nothing else in between, since whoever has sent data puts off the next one.
class Rhythm {
  public:
    static constexpr size_t kGaps = 8;
    static constexpr uint8_t kEnough = 3;  ///< gaps before it is believed

    /// A keepalive came at `now`. `undisturbed`: the side has sent nothing else since the one
    /// before. True when the interval became known, or changed by more than a tenth and a second.
    bool beat(Tick now, bool undisturbed) noexcept;

    /// Zero while unknown.
    [[nodiscard]] Duration interval() const noexcept { return told_ * kTick; }

  private:
    [[nodiscard]] uint16_t median() const noexcept;

    Tick last_{};
    std::array<uint16_t, kGaps> gaps_{};  ///< ticks
    uint8_t count_ = 0;
    uint8_t next_ = 0;
    bool begun_ = false;
    uint16_t told_ = 0;  ///< the interval as it was last told, ticks
};

}  // namespace ravelin
