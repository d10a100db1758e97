// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/time.h"

#include <cstdint>

namespace ravelin {

/// A rate with a burst, in one word: the generic cell rate algorithm (ITU-T I.371).
class Budget {
  public:
    /// Takes one of `per_second` with a burst of one second; false when there is none. 0: never.
    bool take(uint32_t per_second, Instant now) noexcept {
        if (per_second == 0) return false;
        const Duration interval = Duration{1s} / per_second;
        const Instant begin = next_ < now ? now : next_;
        if (begin - now > Duration{1s} - interval) return false;
        next_ = begin + interval;
        return true;
    }

  private:
    Instant next_{};  ///< when everything taken so far is earned
};

}  // namespace ravelin
