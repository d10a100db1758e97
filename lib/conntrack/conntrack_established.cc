// SPDX-License-Identifier: BSD-3-Clause
// The short cut through tracking, which nearly every packet takes.
#include "conntrack/conntrack.h"
#include "conntrack/tcp_window.h"

namespace ravelin {

namespace flag = connection_flag;

namespace {

/// TcpTracker::update() for an ACK in ESTABLISHED; sets `deadline`.
bool pass_tcp(Connection& connection, const Headers& headers, const uint8_t* l4,
              Direction direction, const Renewals& renewals, Tick& deadline) noexcept {
    // Whoever watches a stream sees each of its segments.
    if (connection.state != static_cast<uint8_t>(TcpPhase::Established) ||
        connection.has(flag::kWatched) || connection.timeout_set != 0 ||
        !renewals.counts_retransmissions) {
        return false;
    }
    const TcpSegment segment = TcpSegment::read(headers, l4);
    // A closed window has a timeout of its own.
    if (segment.window == 0 || !pass_ack(connection.protocol.tcp, segment, direction)) return false;
    deadline =
        is_unacknowledged(connection.protocol.tcp) ? renewals.tcp_unacknowledged : renewals.tcp;
    return true;
}

/// UDP that nobody watches and that has the general timeouts, or plain data of a tunnel.
bool passes_udp(const Connection& connection, const Headers& headers, const uint8_t* l4,
                Direction direction) noexcept {
    if (!connection.has(flag::kWatched)) [[likely]]
        return connection.state == 0;  // a copy of timeout_set
    return connection.is_plain_data(direction, l4, headers.l4_length);
}

}  // namespace

bool Conntrack::track_established(const Headers& headers, const FlowId& id, const uint8_t* l4,
                                  uint32_t candidate, const Renewals& renewals,
                                  Direction& direction) noexcept {
    constexpr uint8_t kProven = flag::kUsed | flag::kSeenReply | flag::kAssured;
    if (candidate == kNone) [[unlikely]]
        return false;
    Connection& connection = connections_[candidate];
    if ((connection.flags & kProven) != kProven || !(connection.key == id.key) ||
        !renewals.now.before(connection.deadline)) [[unlikely]] {
        return false;
    }
    if (id.key.family != Family::Ipv4 && !(ipv6_of(candidate) == id.ipv6)) [[unlikely]]
        return false;
    direction = direction_of(connection, id);
    Tick deadline = renewals.udp;
    if (id.key.protocol == ip_protocol::kTcp) {
        if (!pass_tcp(connection, headers, l4, direction, renewals, deadline)) [[unlikely]]
            return false;
    } else if (id.key.protocol != ip_protocol::kUdp ||
               !passes_udp(connection, headers, l4, direction)) [[unlikely]] {
        return false;
    }
    connection.count(direction, headers.ip_length);
    if (deadline.before(connection.deadline)) [[unlikely]] {
        // What passes an observer by never brings the deadline forward.
        if (!connection.has(flag::kWatched)) hasten(candidate, deadline);
    } else {
        connection.deadline = deadline;
    }
    return true;
}

}  // namespace ravelin
