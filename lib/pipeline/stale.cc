// SPDX-License-Identifier: BSD-3-Clause
#include "pipeline/stale.h"

#include "conntrack/sctp_tracker.h"
#include "pipeline/observe.h"

namespace ravelin {

namespace {

/// INIT stands alone in its packet (RFC 9260 6.10).
bool is_init(const Packet& packet) noexcept {
    constexpr uint8_t kInit = 1;
    const SctpPacket sctp =
        SctpPacket::read(packet.headers, packet.frame.data + packet.headers.l4_offset);
    return !sctp.chunks.empty() && sctp.chunks.front() == kInit;
}

}  // namespace

bool begins_anew(const Packet& packet, const Late& late) noexcept {
    if (packet.ct_class != CtClass::New) return false;
    const Headers& headers = packet.headers;
    if (headers.protocol == ip_protocol::kSctp && is_init(packet)) return true;
    if (headers.protocol == ip_protocol::kTcp)
        return (headers.tcp_flags & (tcp_flag::kSyn | tcp_flag::kAck)) == tcp_flag::kSyn;
    return late.direction == Direction::Original;
}

void deny_stale(Packet& packet, Late& late, Shard& shard, Instant now) noexcept {
    if (late.tunnel != 0) name_late(packet, late, shard, now);
    packet.ct_class = CtClass::Stale;
    packet.direction = late.direction;
    shard.counters.stale[static_cast<size_t>(late.tombstone->reason)].add();
    shard.conntrack.report(late, packet.id, packet.reason, now);
}

void decide_stale(Packet& packet, Late& late, Shard& shard, Instant now) noexcept {
    packet.drop(DropReason::Stale);
    deny_stale(packet, late, shard, now);
}

}  // namespace ravelin
