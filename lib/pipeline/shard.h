// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "conntrack/conntrack.h"
#include "flow/hash.h"
#include "pipeline/capacity.h"
#include "pipeline/counters.h"
#include "pipeline/denials.h"
#include "pipeline/handoff.h"
#include "pipeline/link.h"
#include "pipeline/ntp.h"
#include "pipeline/runtime.h"
#include "sync/published.h"
#include "vpn/budget.h"
#include "vpn/handshake_gate.h"
#include "vpn/tunnels.h"

#include <cstdint>

namespace ravelin {

/// What a worker is made of besides its ports and its clock; the parts outlive it.
struct WorkerParts {
    uint8_t index = 0;
    const Topology& topology;
    const Indirection& indirection;
    const Published<Runtime>& runtime;
    Quiescence& quiescence;
    HandoffMesh& mesh;
    WorkerLink& link;
    HashSecret secret{};
    ShardCapacity capacity{};
    SessionDirectory* sessions = nullptr;  ///< of all workers; nullptr: there is none
};

/// All state that one worker owns. Nobody else touches it; only the counters are read from outside.
struct Shard {
    Shard(const WorkerParts& parts, Instant start)
        : index{parts.index},
          topology{parts.topology},
          indirection{parts.indirection},
          counters{parts.link.counters},
          conntrack{{parts.link.capacity, parts.capacity.tombstones, parts.link.ipv6_capacity},
                    FlowExtractor{parts.secret, topology.steering},
                    index,
                    counters,
                    EventPort{&parts.link.events, &parts.link.events_wanted},
                    start},
          fragments{parts.capacity.fragments, parts.secret},
          tunnels{parts.capacity.tunnels,    parts.secret,  index, counters.tunnels,
                  &parts.link.tunnel_events, parts.sessions},
          gate{parts.secret, parts.capacity.tunnels != 0 ? HandshakeGate::kSources : 0,
               counters.handshakes, parts.sessions, start} {}
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
    DenialReports denials{};
    NtpTable ntp{};
    Budget rejections{};
};

}  // namespace ravelin
