// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "dpdk/worker_threads.h"

#include <rte_cycles.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <sched.h>
#include <sys/prctl.h>
#include <thread>

namespace ravelin {

/// What a worker's thread does after an iteration that found nothing. Under load it costs one
/// comparison.
class Idling {
  public:
    /// To be made by the thread itself, whose timers it makes precise if there are to be naps.
    explicit Idling(const IdlePolicy& policy) noexcept : policy_{policy} {
        // Linux would let a nap last 50 us longer, so that it can wake several sleepers at once.
        if (policy.nap > 0us) static_cast<void>(prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0));
    }

    void turned(bool busy) noexcept {
        if (busy) [[likely]] {
            since_ = 0;
            return;
        }
        if (policy_.yield) sched_yield();
        if (policy_.nap > 0us) nap();
    }

  private:
    /// So long nothing came before it naps, and the longer nothing came the longer are the naps.
    static constexpr std::chrono::microseconds kPatience{1000};
    static constexpr int kPart = 8;

    void nap() noexcept {
        const uint64_t now = rte_rdtsc();
        if (since_ == 0) since_ = now;
        const std::chrono::microseconds idle{(now - since_) / ticks_per_microsecond_};
        if (idle >= kPatience) std::this_thread::sleep_for(std::min(policy_.nap, idle / kPart));
    }

    const IdlePolicy& policy_;
    uint64_t since_ = 0;  ///< ticks when the first iteration found nothing; 0: there is work
    uint64_t ticks_per_microsecond_ = std::max<uint64_t>(1, rte_get_tsc_hz() / 1'000'000);
};

}  // namespace ravelin
