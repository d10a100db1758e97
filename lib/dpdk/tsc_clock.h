// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/time.h"
#include "pipeline/io.h"
#include "sync/sequenced.h"

#include <rte_cycles.h>

#include <algorithm>
#include <cstdint>

namespace ravelin {

/// The line from ticks to nanoseconds: where it begins, and its steepness.
///
/// Nanoseconds are ticks times a 32.32 fixed-point factor: one multiplication, no division. The
/// factor is rounded down by less than 2^-32 ns per tick, less than 0.001 ppm.
struct TscLine {
    uint64_t ticks = 0;
    Instant start{};
    uint64_t factor = 0;

    static TscLine at_hertz(uint64_t hertz, uint64_t origin) noexcept {
        return {origin, Instant{}, static_cast<uint64_t>((Wide{1'000'000'000} << 32) / hertz)};
    }
    /// Before the line's begin it is flat.
    [[nodiscard]] Instant at(uint64_t now) const noexcept {
        const Wide passed = now > ticks ? now - ticks : 0;
        return start + Duration{static_cast<int64_t>((passed * factor) >> 32)};
    }

  private:
    __extension__ using Wide = unsigned __int128;
};

/// Time from the processor's time stamp counter; the only clock of the packet path.
///
/// One per thread. Those of one TscTime share its line, so that Instants of different workers
/// compare, and follow it when it is corrected. Copies share what their original shares.
class TscClock {
  public:
    /// Starts at Instant{} now, at the frequency that EAL found at its start.
    static TscClock start() noexcept { return TscClock{rte_get_tsc_hz(), rte_rdtsc()}; }
    TscClock(uint64_t hertz, uint64_t origin) noexcept : line_{TscLine::at_hertz(hertz, origin)} {}
    explicit TscClock(const Sequenced<TscLine>& shared) noexcept
        : shared_{&shared}, version_{shared.version()}, line_{shared.value()} {}

    [[nodiscard]] Instant now() noexcept { return at(rte_rdtsc()); }

    /// Never goes back: a counter that was set back under us (a migrated guest) stands still, until
    /// the line begins anew.
    [[nodiscard]] Instant at(uint64_t ticks) noexcept {
        if (shared_ != nullptr && shared_->version() != version_) [[unlikely]]
            follow();
        last_ = std::max(last_, line_.at(ticks));
        return last_;
    }

  private:
    /// Waits for nobody: what is being written just now is read in the next turn.
    [[gnu::noinline]] void follow() noexcept {
        const uint64_t version = shared_->version();
        if (shared_->read(line_)) version_ = version;
    }

    const Sequenced<TscLine>* shared_ = nullptr;
    uint64_t version_ = 0;
    TscLine line_;
    Instant last_{};
};
static_assert(TimeSource<TscClock>);

}  // namespace ravelin
