// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "conntrack/record.h"
#include "pipeline/counters.h"
#include "pipeline/pause_guard.h"
#include "pipeline/request.h"
#include "sync/sequenced.h"
#include "sync/spsc_ring.h"
#include "vpn/tunnel_record.h"

#include <atomic>
#include <cstdint>

namespace ravelin {

/// All that one worker and management share. The worker never waits for any of it. Nothing else
/// stands in its cache lines: beside another worker's counters what this one reads would be slow.
struct alignas(64) WorkerLink {
    explicit WorkerLink(uint32_t event_capacity = 16383) : events{event_capacity} {}

    WorkerCounters counters;                    ///< worker writes, management reads
    SpscRing<Request*> requests{63};            ///< management to worker
    SpscRing<FlowEvent> events;                 ///< worker to management
    SpscRing<TunnelEvent> tunnel_events{1023};  ///< likewise; always read
    Sequenced<PauseHistory> pauses{};           ///< worker writes, anybody reads
    std::atomic<bool> events_wanted{false};     ///< somebody listens; otherwise no event is built
    uint32_t capacity = 0;                      ///< connections that the worker's table holds
    uint32_t ipv6_capacity = UINT32_MAX;        ///< of these, as many may be IPv6; at most all

    /// When the worker last finished a turn, by the clock that all workers share.
    [[nodiscard]] Instant last_heartbeat() const noexcept {
        const Instant own{Duration{static_cast<int64_t>(counters.heartbeat_nanoseconds.value())}};
        return pauses.value().on_the_clock(own);
    }
};

}  // namespace ravelin
