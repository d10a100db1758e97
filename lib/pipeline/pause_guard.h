// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/time.h"
#include "pipeline/io.h"
#include "sync/sequenced.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace ravelin {

/// One time that a worker didn't run: the machine, the process or its thread stood still.
struct Pause {
    Instant resumed{};  ///< of the worker's own time, when it went on
    Duration length{};  ///< by which its own time stood still
    Duration total{};   ///< of all its pauses up to this one
};

/// A worker's pauses: how many there were, and the last ones.
///
/// The worker's own time is the clock's time less its pauses. Whoever compares an Instant that
/// comes from a worker with any other clock or worker takes it through on_the_clock() first.
struct PauseHistory {
    static constexpr size_t kKept = 8;

    uint64_t count = 0;
    std::array<Pause, kKept> last{};  ///< number n, counted from 0, at n % kKept

    void add(Instant resumed, Duration length) noexcept {
        last[count % kKept] = {resumed, length, total() + length};
        ++count;
    }
    [[nodiscard]] Duration total() const noexcept {
        return count == 0 ? Duration{} : last[(count - 1) % kKept].total;
    }
    [[nodiscard]] Pause latest() const noexcept {
        return count == 0 ? Pause{} : last[(count - 1) % kKept];
    }

    /// What the clock said when the worker's own time was `own`. Before the oldest pause that is
    /// kept, with what had been before that one.
    [[nodiscard]] Instant on_the_clock(Instant own) const noexcept {
        const uint64_t kept = std::min<uint64_t>(count, kKept);
        Duration behind{};
        for (uint64_t back = 1; back <= kept; ++back) {
            const Pause& pause = last[(count - back) % kKept];
            if (own >= pause.resumed) return own + pause.total;
            behind = pause.total - pause.length;
        }
        return own + behind;
    }
};

/// A worker's own time: a clock that stands still while the worker doesn't run (ADR 16).
///
/// A gap of more than kLongestTurn between two readings is a pause. All but one tick of it is left
/// out, so that nothing which the shard holds expires because of it: neither connections, whose
/// packets nobody could have seen, nor fragments, nor tombstones. What is shorter is a slow turn
/// and counts as time. Read by its worker alone, once per turn.
template <TimeSource Clock>
class PauseGuard {
  public:
    static constexpr Duration kLongestTurn = 250ms;

    PauseGuard(Clock clock, Sequenced<PauseHistory>& published)
        : clock_{std::move(clock)}, published_{published}, last_{clock_.now()} {}

    [[nodiscard]] Instant now() noexcept {
        const Instant read = clock_.now();
        const Duration gap = read - std::exchange(last_, read);
        if (gap > kLongestTurn) [[unlikely]]
            leave_out(read, gap - kTick);
        return read - behind_;
    }

    /// The worker begins now; whatever passed since it was built was no pause.
    void begin() noexcept { last_ = clock_.now(); }

  private:
    [[gnu::noinline]] void leave_out(Instant read, Duration length) noexcept {
        behind_ += length;
        history_.add(read - behind_, length);
        published_.write(history_);
    }

    Clock clock_;
    Sequenced<PauseHistory>& published_;
    Instant last_;       ///< of the clock
    Duration behind_{};  ///< sum of the pauses
    PauseHistory history_{};
};

}  // namespace ravelin
