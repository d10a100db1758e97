// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "conntrack/options.h"
#include "conntrack/tracker.h"
#include "packet/headers.h"

namespace ravelin {

/// ICMP and ICMPv6 queries: request and reply matched on addresses, type, code and identifier
/// (the key), netfilter's nf_conntrack_proto_icmp.c; by default the entry ends with the last
/// answer (design.md, section 4).
struct IcmpTracker {
    /// False for whatever is no request, or an obsolete one that isn't allowed.
    static bool open(const Headers& headers, const TrackingOptions& options, IcmpState& state,
                     DropReason& reason) noexcept;
    static TrackStep update(IcmpState& state, Family family, Direction direction,
                            const TrackingOptions& options) noexcept;
    /// An ICMP error answers one request; true when that was the last one that waited. traceroute
    /// has many on their way at once, and the others' answers still belong to the connection.
    static bool refused(IcmpState& state) noexcept;
};

}  // namespace ravelin
