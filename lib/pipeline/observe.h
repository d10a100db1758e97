// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "pipeline/packet.h"
#include "pipeline/runtime.h"
#include "pipeline/shard.h"
#include "policy/policy.h"

namespace ravelin {

// What joins connections and tunnels: the one place that knows both tables.

/// After the first packet of a UDP connection was allowed: could it begin a tunnel? `query` has
/// its ends.
void look_for_tunnel(const Packet& packet, const Query& query, Shard& shard, Instant now) noexcept;

/// A packet of a connection that carries a handle, or an ICMP error about one.
void observe(const Packet& packet, Shard& shard, const Runtime& runtime, Instant now) noexcept;

/// A late packet of a connection that was a tunnel's: says which, and whether it is certain.
void name_late(const Packet& packet, Late& late, Shard& shard, Instant now) noexcept;

/// Silence, good-byes that are due, connections that have ended. Once per iteration, bounded.
void tend_tunnels(Shard& shard, const Runtime& runtime, Instant now) noexcept;

}  // namespace ravelin
