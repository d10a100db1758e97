// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "pipeline/packet.h"
#include "pipeline/runtime.h"
#include "pipeline/shard.h"
#include "policy/policy.h"

namespace ravelin {

// What joins connections and tunnels: the one place that knows both tables.

/// After the first packet of a connection of UDP, ESP or AH was allowed: could it begin a tunnel,
/// or belong to one? `query` has its ends.
void look_for_tunnel(const Packet& packet, const Query& query, Shard& shard, const Runtime& runtime,
                     Instant now) noexcept;

/// A new TCP connection: its first segments are looked at, until it is clear what it carries.
void look_for_stream(uint32_t connection, Shard& shard, Instant now) noexcept;

/// Whether the first packet of a UDP connection, which the rules allow, may come to a declared VPN
/// service. None: it may, or is to no service.
[[nodiscard]] DropReason admit_handshake(const Packet& packet, const Query& query, Shard& shard,
                                         const Runtime& runtime, Instant now) noexcept;

/// A packet of a connection that carries a handle, or an ICMP error about one.
/// It is dropped when it begins another handshake that the service's budget has no room for.
void observe(Packet& packet, Shard& shard, const Runtime& runtime, Instant now) noexcept;

/// A late packet of a connection that was a tunnel's: says which, and whether it is certain.
void name_late(const Packet& packet, Late& late, Shard& shard, Instant now) noexcept;

/// The tunnel of a late packet goes on in a new connection. False when the packet doesn't show that
/// it is the tunnel's, or there is no room. `opening` is that of the original direction.
bool resume_tunnel(const Packet& packet, const Late& late, const Opening& opening, Shard& shard,
                   const Runtime& runtime, Instant now) noexcept;

/// What has passed by of `count` tunnels from slot `first` on, so that whoever lists them gets the
/// figures of now and not of the last tend_tunnels().
void take_over_passed(uint32_t first, uint32_t count, Shard& shard, Instant now) noexcept;

/// Silence, good-byes that are due, connections that have ended. Once per iteration, bounded.
void tend_tunnels(Shard& shard, const Runtime& runtime, Instant now) noexcept;

}  // namespace ravelin
