// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "conntrack/options.h"
#include "conntrack/tracker.h"

namespace ravelin {

/// netfilter's nf_conntrack_proto_udp.c, or with `udp_assured_packets` the rule of design.md
/// section 4: 30 s until the first reply, then 180 s, ASSURED from the third packet.
struct UdpTracker {
    static void open(UdpState& state, Tick now) noexcept;
    /// `packets` counts both directions, this packet included.
    static TrackStep update(const UdpState& state, Direction direction, bool seen_reply,
                            bool assured, uint64_t packets, const TrackingOptions& options,
                            Tick now) noexcept;
};

}  // namespace ravelin
