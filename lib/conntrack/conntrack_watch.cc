// SPDX-License-Identifier: BSD-3-Clause
// What lib/vpn may do to a connection that it watches.
#include "conntrack/closing.h"
#include "conntrack/conntrack.h"

namespace ravelin {

namespace flag = connection_flag;

void Conntrack::watch(uint32_t index, uint32_t handle) noexcept {
    Connection& connection = connections_[index];
    DCHECK(connection.has(flag::kUsed) && connection.key.protocol == ip_protocol::kUdp);
    connection.protocol.udp.tunnel = handle;
    connection.protocol.udp.lifetime = 0;
    if (handle != 0)
        connection.flags |= flag::kWatched;
    else
        connection.flags &= static_cast<uint8_t>(~flag::kWatched);
}

uint32_t Conntrack::watched_as(uint32_t index) const noexcept {
    const Connection& connection = connections_[index];
    const bool watched = connection.has(flag::kUsed) && connection.has(flag::kWatched);
    return watched ? connection.protocol.udp.tunnel : 0;
}

void Conntrack::prolong(uint32_t index, Duration timeout, Instant now) noexcept {
    Connection& connection = connections_[index];
    const auto ticks = (timeout + kTick - Duration{1}) / kTick;
    connection.protocol.udp.lifetime = static_cast<uint32_t>(ticks);
    if (connection.deadline.before(Tick::not_before(now + timeout))) renew(index, timeout, now);
}

void Conntrack::assure(uint32_t index, Instant now) noexcept {
    Connection& connection = connections_[index];
    if (connection.has(flag::kAssured)) return;
    gauge(connection).subtract();
    connection.flags |= flag::kAssured;
    gauge(connection).add();
    emit(EventKind::Update, index, EndReason::None, now);
}

void Conntrack::close(uint32_t index, EndReason reason, Direction by, Instant now) noexcept {
    connections_[index].closed_by = closer(by);
    end(index, reason, now);
}

}  // namespace ravelin
