// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "conntrack/conntrack.h"
#include "conntrack/fragments.h"
#include "flow/hash.h"
#include "pipeline/counters.h"
#include "pipeline/runtime.h"
#include "vpn/budget.h"
#include "vpn/handshake_gate.h"
#include "vpn/tunnels.h"

#include <cstdint>

namespace ravelin {

/// All state that one worker owns. Nobody else touches it; only the counters are read from outside.
struct Shard {
    Shard(uint8_t worker_index, const Topology& wiring, const Indirection& owners,
          uint32_t capacity, const FragmentCapacity& fragment_capacity, const HashSecret& secret,
          WorkerCounters& worker_counters, EventPort events, Instant start, uint32_t tombstones = 0,
          uint32_t tunnel_slots = 0, SpscRing<TunnelEvent>* tunnel_events = nullptr,
          SessionDirectory* sessions = nullptr)
        : index{worker_index},
          topology{wiring},
          indirection{owners},
          counters{worker_counters},
          conntrack{capacity, secret, worker_index, worker_counters, events, start, tombstones},
          fragments{fragment_capacity, secret},
          tunnels{tunnel_slots,  secret,  worker_index, worker_counters.tunnels,
                  tunnel_events, sessions},
          gate{secret, tunnel_slots != 0 ? HandshakeGate::kSources : 0, worker_counters.handshakes,
               sessions, start} {}
    ~Shard() = default;
    Shard(const Shard&) = delete;
    Shard& operator=(const Shard&) = delete;

    uint8_t index;
    const Topology& topology;
    const Indirection& indirection;
    WorkerCounters& counters;
    Conntrack conntrack;
    FragmentTable fragments;
    TunnelTable tunnels;
    HandshakeGate gate;
    Budget rejections{};
};

}  // namespace ravelin
