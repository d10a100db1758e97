// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "pipeline/packet.h"
#include "pipeline/runtime.h"
#include "pipeline/shard.h"

namespace ravelin {

// Packets without a connection that belong to one which has ended: STALE, a class of its own, so
// that nothing of it is ever reported as an attempt to come in.

/// Whether tombstones are asked at all.
[[nodiscard]] inline bool looks_for_late(const Runtime& runtime) noexcept {
    return runtime.tracking.tombstones.policy != StalePolicy::AsNew ||
           runtime.policy.speaks_of_late();
}

[[nodiscard]] inline StalePolicy policy_for(const Late& late, const Runtime& runtime) noexcept {
    const StalePolicy own = late.tombstone->late;
    return own != StalePolicy::General ? own : runtime.tracking.tombstones.policy;
}

/// A tunnel whose connection had only idled out goes on with this packet, if it shows that it is
/// the tunnel's and today's rules still allow what was allowed then. False: it doesn't.
bool resurrect(Packet& packet, Late& late, Shard& shard, const Runtime& runtime,
               Instant now) noexcept;

/// True for a packet that begins the ended connection anew rather than being late for it, so that
/// it is for the rules to decide: it could open a connection and comes from who opened the old one.
/// A SYN or an INIT begins one whoever sends it.
[[nodiscard]] bool begins_anew(const Packet& packet, const Late& late) noexcept;

/// What was the opener's own packet and the rules no longer allow: still no stranger's. The reason
/// for the drop stays the rules'.
void deny_stale(Packet& packet, Late& late, Shard& shard, Instant now) noexcept;

/// The verdict on a late packet.
void decide_stale(Packet& packet, Late& late, StalePolicy policy, Shard& shard,
                  Instant now) noexcept;

}  // namespace ravelin
