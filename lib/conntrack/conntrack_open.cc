// SPDX-License-Identifier: BSD-3-Clause
// How a connection begins.
#include "base/check.h"
#include "conntrack/conntrack.h"
#include "conntrack/icmp_tracker.h"
#include "conntrack/sctp_tracker.h"
#include "conntrack/tcp_tracker.h"
#include "conntrack/udp_tracker.h"

#include <algorithm>
#include <utility>

namespace ravelin {

namespace flag = connection_flag;

namespace {

/// The first timeout of a connection whose first packet was just accepted.
Duration opening_timeout(const Connection& connection, const TrackingOptions& options) noexcept {
    const Timeouts& timeouts = options.timeouts;
    switch (connection.key.protocol) {
        case ip_protocol::kTcp:
            return TcpTracker::opening_timeout(connection.protocol.tcp,
                                               static_cast<TcpPhase>(connection.state), options);
        case ip_protocol::kUdp:
            return timeouts.udp_unreplied;
        case ip_protocol::kIcmp:
            return timeouts.icmp;
        case ip_protocol::kIcmpv6:
            return timeouts.icmpv6;
        case ip_protocol::kSctp:
            return timeouts.sctp(static_cast<SctpPhase>(connection.state));
        case ip_protocol::kGre:
            return timeouts.gre_unreplied;
        default:
            return timeouts.generic;
    }
}

}  // namespace

[[gnu::noinline]] Tracked Conntrack::missing(const Headers& headers, const uint8_t* l4,
                                             const TrackingOptions& options,
                                             Instant now) const noexcept {
    Tracked tracked{.missing = true};
    if (headers.protocol == ip_protocol::kUdp) {
        tracked.ct_class = CtClass::New;
        return tracked;
    }
    Connection unused;
    tracked.ct_class = may_open(headers, l4, options, now, unused, tracked.reason)
                           ? CtClass::New
                           : CtClass::Invalid;
    return tracked;
}

bool Conntrack::may_open(const Headers& headers, const uint8_t* l4, const TrackingOptions& options,
                         Instant now, Connection& connection, DropReason& reason) const noexcept {
    switch (headers.protocol) {
        case ip_protocol::kTcp: {
            auto phase = TcpPhase::None;
            // After a start there are connections that we have never seen begin.
            const bool pick_up = options.tcp_loose || now - started_ < options.tcp_pickup;
            const bool ok = TcpTracker::open(TcpSegment::read(headers, l4), pick_up, options,
                                             connection.protocol.tcp, phase, reason);
            connection.state = static_cast<uint8_t>(phase);
            if (phase != TcpPhase::SynSent) connection.flags |= flag::kPickedUp;
            return ok;
        }
        case ip_protocol::kUdp:
            connection.protocol.udp = {};
            UdpTracker::open(connection.protocol.udp, Tick::at(now));
            return true;
        case ip_protocol::kSctp: {
            auto phase = SctpPhase::None;
            const bool ok = SctpTracker::open(SctpPacket::read(headers, l4), options,
                                              connection.protocol.sctp, phase);
            connection.state = static_cast<uint8_t>(phase);
            if (!ok) reason = DropReason::ProtocolInvalid;
            return ok;
        }
        case ip_protocol::kIcmp:
        case ip_protocol::kIcmpv6:
            connection.protocol.icmp = {};
            return IcmpTracker::open(headers, options, connection.protocol.icmp, reason);
        default:
            return true;
    }
}

uint32_t& Conntrack::free_for(Family family) noexcept {
    const bool with_room = family == Family::Ipv6 || free_[0] == kNone;
    return free_[with_room];
}

Opened Conntrack::open(const Headers& headers, const FlowId& id, const uint8_t* l4,
                       const Opening& opening, const TrackingSets& options, Instant now) noexcept {
    uint32_t& free = free_for(id.key.family);
    const uint32_t index = free;
    if (index == kNone) {
        counters_.insert_failed_full.add();
        return {.reason = DropReason::TableFull};
    }
    Connection& connection = connections_[index];
    const uint32_t next_free = connection.hash;
    if (!table_.insert(id.hash, index)) {
        counters_.insert_failed_bucket.add();
        return {.reason = DropReason::TableFull};
    }
    free = next_free;
    ++opened_;
    opened_hashes_[id.hash / 64 % opened_hashes_.size()] |= uint64_t{1} << id.hash % 64;

    connection = Connection{};
    DropReason reason = DropReason::None;
    const bool ok = may_open(headers, l4, options.general(), now, connection, reason);
    DCHECK(ok);
    static_cast<void>(ok);
    connection.key = id.key;
    connection.hash = id.hash;
    connection.flags |= flag::kUsed;
    if (id.swapped) connection.flags |= flag::kOriginalSwapped;
    if (opening.from_inside) connection.flags |= flag::kFromInside;
    connection.rule_or_data.rule = opening.rule;
    connection.policy_generation = opening.policy_generation;
    connection.late = opening.late;
    connection.timeout_set = opening.timeout_set;
    if (headers.protocol == ip_protocol::kUdp) connection.state = opening.timeout_set;
    connection.count(Direction::Original, headers.ip_length);
    connection.created = Tick::at(now);
    connection.deadline =
        Tick::not_before(now + opening_timeout(connection, options.of(opening.timeout_set)));
    connection.armed = connection.deadline;
    if (id.key.family == Family::Ipv6) {
        ipv6_[index - ipv6_from_] = id.ipv6;
        counters_.ipv6_entries.add();
    }
    wheel_.arm(index, connection.deadline);

    counters_.created[static_cast<size_t>(protocol_label(headers.protocol))].add();
    counters_.entries.set(table_.size());
    counters_.entries_peak.set(std::max<uint64_t>(counters_.entries_peak.value(), table_.size()));
    gauge(connection).add();
    emit(EventKind::New, index, EndReason::None, now);
    return {.flow = told_id(index), .index = index};
}

void Conntrack::resume(uint32_t index, const Late& late) noexcept {
    Connection& connection = connections_[index];
    if (late.direction == Direction::Reply) {
        std::swap(connection.low_packets[0], connection.low_packets[1]);
        std::swap(connection.high_packets[0], connection.high_packets[1]);
        std::swap(connection.bytes[0], connection.bytes[1]);
    }
    gauge(connection).subtract();
    connection.flags |= late.tombstone->flags & (flag::kSeenReply | flag::kAssured);
    gauge(connection).add();
    forget(*late.tombstone);
}

}  // namespace ravelin
