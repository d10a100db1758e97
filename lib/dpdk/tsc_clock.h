// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/time.h"
#include "pipeline/io.h"

#include <rte_cycles.h>

#include <algorithm>
#include <cstdint>

namespace ravelin {

/// Time from the processor's time stamp counter; the only clock of the packet path.
///
/// Nanoseconds are ticks times a 32.32 fixed-point factor: one multiplication, no division. The
/// factor is rounded down by less than 2^-32 ns per tick, less than 0.001 ppm. Copies made of one
/// instance share its origin, so that Instants of different workers compare.
class TscClock {
  public:
    /// Starts at Instant{} now, at the frequency that EAL measured at its start.
    static TscClock start() noexcept { return TscClock{rte_get_tsc_hz(), rte_rdtsc()}; }
    TscClock(uint64_t hertz, uint64_t origin) noexcept
        : origin_{origin}, factor_{static_cast<uint64_t>((Wide{1'000'000'000} << 32) / hertz)} {}

    [[nodiscard]] Instant now() noexcept { return at(rte_rdtsc()); }

    /// Never goes back: a counter that was set back under us (a migrated guest) stands still.
    [[nodiscard]] Instant at(uint64_t ticks) noexcept {
        last_ = std::max(last_, ticks);
        const Wide passed = Wide{last_ - origin_};
        return Instant{Duration{static_cast<int64_t>((passed * factor_) >> 32)}};
    }

  private:
    __extension__ using Wide = unsigned __int128;

    uint64_t origin_;
    uint64_t factor_;
    uint64_t last_ = origin_;
};
static_assert(TimeSource<TscClock>);

}  // namespace ravelin
