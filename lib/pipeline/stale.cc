// SPDX-License-Identifier: BSD-3-Clause
#include "pipeline/stale.h"

#include "conntrack/sctp_tracker.h"
#include "pipeline/observe.h"
#include "pipeline/query.h"
#include "pipeline/reject.h"

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

void decide_stale(Packet& packet, Late& late, StalePolicy policy, Shard& shard,
                  Instant now) noexcept {
    constexpr uint32_t kRejectionsPerSecond = 100;  // RFC 1812 4.3.2.8, RFC 4443 2.4 (f)
    packet.drop(DropReason::Stale);
    deny_stale(packet, late, shard, now);
    if (policy != StalePolicy::Reject || !may_be_rejected(packet)) return;
    if (!shard.rejections.take(kRejectionsPerSecond, now)) return;
    packet.action = Action::Reject;
    packet.out_port = packet.frame.port;
}

bool resurrect(Packet& packet, Late& late, Shard& shard, const Runtime& runtime,
               Instant now) noexcept {
    if (late.tunnel == 0 || packet.is_icmp_error || late.tombstone->reason != CloseReason::Idle)
        return false;
    const bool reply = late.direction == Direction::Reply;
    const Query query = query_of(packet);
    const Judgement judgement = runtime.policy.judge(reply ? reversed(query, packet) : query);
    if (!judgement.allow) return false;
    const Opening opening{
        .from_inside = shard.topology.ports[reply ? packet.out_port : packet.frame.port].inside,
        .rule = judgement.rule,
        .policy_generation = runtime.generation,
        .late = judgement.late,
        .timeout_set = judgement.timeout_set};
    if (!resume_tunnel(packet, late, opening, shard, runtime, now)) return false;
    shard.counters.resurrected.add();
    packet.ct_class = CtClass::Established;
    packet.direction = late.direction;
    packet.action = Action::Forward;
    return true;
}

}  // namespace ravelin
