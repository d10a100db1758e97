// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "conntrack/record.h"
#include "pipeline/counters.h"
#include "pipeline/request.h"
#include "sync/spsc_ring.h"
#include "vpn/tunnel_record.h"

#include <atomic>
#include <cstdint>

namespace ravelin {

/// All that one worker and management share. The worker never waits for any of it.
struct WorkerLink {
    explicit WorkerLink(uint32_t event_capacity = 16383) : events{event_capacity} {}

    WorkerCounters counters;                    ///< worker writes, management reads
    SpscRing<Request*> requests{63};            ///< management to worker
    SpscRing<FlowEvent> events;                 ///< worker to management
    SpscRing<TunnelEvent> tunnel_events{1023};  ///< likewise; always read
    std::atomic<bool> events_wanted{false};     ///< somebody listens; otherwise no event is built
    uint32_t capacity = 0;                      ///< connections that the worker's table holds
};

}  // namespace ravelin
