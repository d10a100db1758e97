// SPDX-License-Identifier: BSD-3-Clause
// What lib/vpn may do to a connection that it watches.
#include "conntrack/closing.h"
#include "conntrack/conntrack.h"

#include <algorithm>

namespace ravelin {

namespace flag = connection_flag;

namespace {

uint8_t pass_bit(Direction direction) noexcept {
    return static_cast<uint8_t>(1U << PlainData::kFirstBit << static_cast<unsigned>(direction));
}

bool is_udp(const Connection& connection) noexcept {
    return connection.key.protocol == ip_protocol::kUdp;
}

}  // namespace

void Conntrack::watch(uint32_t index, uint32_t handle) noexcept {
    Connection& connection = connections_[index];
    DCHECK(connection.has(flag::kUsed) && carries_handle(connection.key.protocol));
    // ESP and AH have no state of their own, and nothing of them passes by.
    UdpState& udp = connection.protocol.udp;
    const uint16_t rule = connection.allowed_by();
    udp.tunnel = handle;
    udp.lifetime = 0;
    udp.seen = connection.low_packets;
    connection.flags = static_cast<uint8_t>(handle != 0 ? connection.flags | flag::kWatched
                                                        : connection.flags & ~flag::kWatched);
    if (!is_udp(connection)) return;
    connection.state = handle != 0 ? uint8_t{0} : connection.timeout_set;
    if (handle != 0) {
        udp.rule = rule;
        connection.rule_or_data.data_byte = {};
    } else {
        connection.rule_or_data.rule = rule;
    }
}

void Conntrack::let_pass(uint32_t index, Direction direction, uint8_t first_byte,
                         uint16_t small) noexcept {
    let_none_pass(index, direction);
    Connection& connection = connections_[index];
    // Whoever passes by isn't asked for timeouts of its own.
    if (small > PlainData::kLongest || connection.timeout_set != 0) return;
    // Both directions share the length: the longer one holds.
    const uint8_t other = connection.state & pass_bit(opposite(direction));
    const auto before = static_cast<uint8_t>(other == 0 ? 0 : connection.state ^ other);
    const auto units = static_cast<uint8_t>((small + PlainData::kUnit - 1) / PlainData::kUnit);
    connection.state = static_cast<uint8_t>(std::max(before, units) | other | pass_bit(direction));
    connection.rule_or_data.data_byte[static_cast<size_t>(direction)] = first_byte;
}

void Conntrack::let_none_pass(uint32_t index, Direction direction) noexcept {
    uint8_t& lengths = connections_[index].state;
    lengths = static_cast<uint8_t>(lengths & ~pass_bit(direction));
}

bool Conntrack::lets_pass(uint32_t index, Direction direction) const noexcept {
    return (connections_[index].state & pass_bit(direction)) != 0;
}

std::array<uint32_t, 2> Conntrack::take_passed(uint32_t index, Instant now) noexcept {
    Connection& connection = connections_[index];
    UdpState& udp = connection.protocol.udp;
    std::array<uint32_t, 2> passed{};
    for (size_t side = 0; side < passed.size(); ++side) {
        const uint32_t all = connection.low_packets[side];
        passed[side] = all - udp.seen[side];
        udp.seen[side] = all;
    }
    // They have kept it alive for the time that any UDP has, without a look at this.
    if (passed != std::array<uint32_t, 2>{}) renew(index, udp.lifetime * kTick, now, true);
    return passed;
}

uint32_t Conntrack::watched_as(uint32_t index) const noexcept {
    const Connection& connection = connections_[index];
    return connection.has(flag::kUsed) ? connection.watcher() : 0;
}

void Conntrack::watch_stream(uint32_t index, bool on) noexcept {
    Connection& connection = connections_[index];
    if (!connection.has(flag::kUsed)) return;  // this very segment was its last one
    DCHECK(connection.key.protocol == ip_protocol::kTcp);
    connection.flags = static_cast<uint8_t>(on ? connection.flags | flag::kWatched
                                               : connection.flags & ~flag::kWatched);
}

void Conntrack::prolong(uint32_t index, Duration timeout, Instant now) noexcept {
    Connection& connection = connections_[index];
    if (!is_udp(connection)) return;
    const auto ticks = (timeout + kTick - Duration{1}) / kTick;
    connection.protocol.udp.lifetime = static_cast<uint32_t>(ticks);
    if (connection.deadline.before(Tick::not_before(now + timeout))) renew(index, timeout, now);
}

void Conntrack::assure(uint32_t index, Instant now) noexcept {
    Connection& connection = connections_[index];
    if (connection.has(flag::kAssured) || !is_udp(connection)) return;
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
