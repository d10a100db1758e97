// SPDX-License-Identifier: BSD-3-Clause
#include "pipeline/observe.h"

#include "base/byteorder.h"
#include "packet/icmp.h"
#include "packet/udp.h"
#include "pipeline/query.h"

#include <algorithm>

namespace ravelin {

namespace {

std::span<const uint8_t> udp_payload(const Packet& packet) noexcept {
    const Headers& headers = packet.headers;
    const uint8_t* udp = packet.frame.data + headers.l4_offset;
    // By the UDP header's word; 0 is a jumbogram's (RFC 2675 4).
    const uint32_t length = load_be16(udp + 4);
    const uint32_t end = length == 0 ? headers.l4_length : std::min(length, headers.l4_length);
    return {udp + Udp::kLength, end > Udp::kLength ? end - Udp::kLength : 0};
}

/// What a tunnel's observer is shown of it.
std::span<const uint8_t> payload_of(const Packet& packet) noexcept {
    const Headers& headers = packet.headers;
    const uint8_t* l4 = packet.frame.data + headers.l4_offset;
    if (headers.protocol == ip_protocol::kEsp) return {l4, headers.l4_length};
    if (headers.protocol != ip_protocol::kAh) return udp_payload(packet);
    // From its SPI on AH begins as ESP does (RFC 4302 2). What it protects has any length.
    constexpr uint32_t kSpiAt = 4;
    return {l4 + kSpiAt, (headers.l4_length - kSpiAt) & ~uint32_t{3}};
}

/// Which way the packet goes within its tunnel: that is its way within the connection, `direction`,
/// but of bare IPsec, where that differs from one to the other, the port says it.
Direction direction_in_tunnel(uint32_t handle, const Packet& packet, Direction direction,
                              const Shard& shard) noexcept {
    const Tunnel* tunnel = shard.tunnels.find(handle);
    if (tunnel == nullptr || !tunnel->bare) return direction;
    const bool inside = shard.topology.ports[packet.frame.port].inside;
    return inside == tunnel->client_inside ? tunnel->client_direction
                                           : opposite(tunnel->client_direction);
}

TunnelPacket tunnel_packet(uint32_t handle, const Packet& packet, Direction direction,
                           const Shard& shard) noexcept {
    return {.connection = packet.connection,
            .direction = direction_in_tunnel(handle, packet, direction, shard),
            .payload = payload_of(packet),
            .fragmented = packet.from_fragments,
            .without_udp = is_ipsec(packet.headers.protocol)};
}

TunnelSegment segment_of(const Packet& packet) noexcept {
    const Headers& headers = packet.headers;
    const uint8_t* tcp = packet.frame.data + headers.l4_offset;
    return {
        .connection = packet.connection,
        .direction = packet.direction,
        .sequence = load_be32(tcp + 4),
        .acknowledgement = load_be32(tcp + 8),
        .flags = headers.tcp_flags,
        .payload = {tcp + headers.l4_header_length, headers.l4_length - headers.l4_header_length}};
}

TunnelFirst first_of(const Packet& packet, const Query& query, std::span<const uint8_t> payload,
                     const Shard& shard) noexcept {
    const PortRole& role = shard.topology.ports[packet.frame.port];
    std::array<uint16_t, 2> port{};
    if (!is_ipsec(query.protocol)) port = {query.source_port, query.destination_port};
    return {.connection = packet.connection,
            .address = {query.source, query.destination},
            .port = port,
            .ip_protocol = query.protocol,
            .wire = role.wire,
            .from_inside = role.inside,
            .payload = payload};
}

/// The next hop's MTU that an ICMP error names; 0: none.
uint16_t path_mtu(const Packet& packet) noexcept {
    const Headers& headers = packet.headers;
    const uint8_t* icmp = packet.frame.data + headers.l4_offset;
    if (headers.family == Family::Ipv4)
        return headers.icmp_type == 3 && headers.icmp_code == 4 ? load_be16(icmp + 6) : uint16_t{0};
    if (headers.icmp_type != 2) return 0;
    return static_cast<uint16_t>(std::min<uint32_t>(load_be32(icmp + 4), UINT16_MAX));
}

EndReason end_reason(CloseReason reason) noexcept {
    return reason == CloseReason::Moved ? EndReason::Moved : EndReason::Exit;
}

const VpnService* find_service(const Runtime& runtime, const Address& destination,
                               uint16_t port) noexcept {
    const auto found =
        std::find_if(runtime.services.begin(), runtime.services.end(),
                     [&](const VpnService& service) { return service.takes(destination, port); });
    return found == runtime.services.end() ? nullptr : &*found;
}

/// Another first packet of a handshake in a connection that exists: nearly all other packets end at
/// their first byte.
DropReason repeat_handshake(const Packet& packet, Shard& shard, const Runtime& runtime,
                            Instant now) noexcept {
    const Tunnel* tunnel = shard.tunnels.find(packet.tunnel);
    const Direction direction = direction_in_tunnel(packet.tunnel, packet, packet.direction, shard);
    if (tunnel == nullptr || tunnel->side_of(direction) != Side::Client) return DropReason::None;
    const auto payload = udp_payload(packet);
    if (payload.empty() || payload[0] == tunnel->data_byte[0]) return DropReason::None;
    const VpnService* service = find_service(runtime, tunnel->address[1], tunnel->port[1]);
    if (service == nullptr) return DropReason::None;
    return shard.gate.repeat(*service,
                             {.service = static_cast<size_t>(service - runtime.services.data()),
                              .address = tunnel->address,
                              .port = tunnel->port,
                              .payload = payload,
                              .fragmented = packet.from_fragments},
                             shard.topology.worker_count, tunnel->confirmed(), now);
}

void apply(const TunnelTable::Effect& effect, uint32_t connection, uint32_t handle, Shard& shard,
           Instant now) noexcept {
    Conntrack& conntrack = shard.conntrack;
    if (effect.completed) {
        shard.gate.completed(shard.tunnels.find(handle)->address[0], now);
        conntrack.assure(connection, now);
    }
    if (!effect.watched) return conntrack.watch(connection, 0);
    if (effect.handle != 0) {
        handle = effect.handle;
        conntrack.watch(connection, handle);
    }
    if (effect.buried != TunnelTable::kNone && conntrack.watched_as(effect.buried) == handle)
        conntrack.close(effect.buried, EndReason::Moved, Direction::Original, now);
    if (effect.close) return conntrack.close(connection, end_reason(effect.reason), effect.by, now);
    if (effect.timeout != Duration{}) conntrack.prolong(connection, effect.timeout, now);
}

/// A segment of a TCP connection that carries a tunnel, or of which that isn't known yet.
void observe_segment(const Packet& packet, Shard& shard, const Runtime& runtime,
                     Instant now) noexcept {
    const TunnelSegment segment = segment_of(packet);
    const uint32_t handle = shard.tunnels.stream(segment.connection);
    if (handle != TunnelTable::kNoTunnel) {
        const TunnelTable::Effect effect =
            shard.tunnels.observe_segment(handle, segment, runtime.tunnels, now);
        if (!effect.watched) shard.conntrack.watch_stream(segment.connection, false);
        if (effect.completed && effect.watched)
            shard.gate.completed(shard.tunnels.find(handle)->address[0], now);
        return;
    }
    if (segment.payload.empty()) return;
    // Who is served by a VPN speaks first.
    if (segment.direction == Direction::Original) {
        const TunnelFirst first = first_of(packet, query_of(packet), segment.payload, shard);
        if (shard.tunnels.begin_stream(first, segment, now) != TunnelTable::kNoTunnel) return;
    }
    shard.conntrack.watch_stream(segment.connection, false);
}

/// The handle of what watches this connection, whatever its protocol.
uint32_t watcher_of(const Shard& shard, uint32_t connection) noexcept {
    const uint32_t handle = shard.conntrack.watched_as(connection);
    return handle == kWatchedStream ? shard.tunnels.stream(connection) : handle;
}

/// Data passes by once a packet of its direction has been seen, so that what is known of its
/// counter is fresh; of a connection that its tunnel has left, nothing does.
void settle_what_passes(uint32_t connection, Direction seen, uint32_t handle,
                        Shard& shard) noexcept {
    Conntrack& conntrack = shard.conntrack;
    const Tunnel* tunnel = shard.tunnels.find(handle);
    // The bytes of an SPI may begin IKE, too.
    if (tunnel == nullptr || tunnel->bare || conntrack.watched_as(connection) != handle) return;
    for (const Direction direction : {Direction::Original, Direction::Reply}) {
        const auto side = static_cast<size_t>(tunnel->side_of(direction));
        if (tunnel->connection != connection || !tunnel->confirmed()) {
            conntrack.let_none_pass(connection, direction);
        } else if (direction == seen || conntrack.lets_pass(connection, direction)) {
            conntrack.let_pass(connection, direction, tunnel->data_byte[side], tunnel->small[side]);
        }
        const uint32_t left = tunnel->left_connection;
        if (left != TunnelTable::kNone && conntrack.watched_as(left) == handle)
            conntrack.let_none_pass(left, direction);
    }
}

/// Its observer sees the packet. `passed`: data that has passed by before.
void show(const Packet& packet, uint32_t handle, const std::array<uint32_t, 2>& passed,
          Shard& shard, const Runtime& runtime, Instant now) noexcept {
    TunnelPacket seen = tunnel_packet(handle, packet, packet.direction, shard);
    seen.passed = passed;
    const TunnelTable::Effect effect = shard.tunnels.observe(handle, seen, runtime.tunnels, now);
    if (effect.changed) apply(effect, packet.connection, handle, shard, now);
    settle_what_passes(packet.connection, packet.direction,
                       effect.handle != 0 ? effect.handle : handle, shard);
}

}  // namespace

void look_for_tunnel(const Packet& packet, const Query& query, Shard& shard, const Runtime& runtime,
                     Instant now) noexcept {
    const auto payload = payload_of(packet);
    const uint32_t handle = shard.tunnels.begin(first_of(packet, query, payload, shard), now);
    if (handle == TunnelTable::kNoTunnel) {
        if (query.protocol == ip_protocol::kUdp && query.destination_port == NtpPacket::kPort &&
            observe_ntp(packet, payload, shard, now))
            shard.conntrack.watch(packet.connection, kWatchedNtp);
        return;
    }
    shard.conntrack.watch(packet.connection, handle);
    const Tunnel& tunnel = *shard.tunnels.find(handle);
    if (tunnel.bare && tunnel.connection != packet.connection) {  // one more of its connections
        return show(packet, handle, {}, shard, runtime, now);
    }
    settle_what_passes(packet.connection, packet.direction, handle, shard);
}

void look_for_stream(uint32_t connection, Shard& shard, Instant now) noexcept {
    shard.tunnels.leave_stream(connection, now);
    shard.conntrack.watch_stream(connection, true);
}

DropReason admit_handshake(const Packet& packet, const Query& query, Shard& shard,
                           const Runtime& runtime, Instant now) noexcept {
    const VpnService* service = find_service(runtime, query.destination, query.destination_port);
    if (service == nullptr) return DropReason::None;
    return shard.gate.admit(*service,
                            {.service = static_cast<size_t>(service - runtime.services.data()),
                             .address = {query.source, query.destination},
                             .port = {query.source_port, query.destination_port},
                             .payload = udp_payload(packet),
                             .fragmented = packet.from_fragments},
                            shard.topology.worker_count, runtime.tunnels.pickup, now);
}

// Apart from the loop that calls it, whose registers all packets need.
[[gnu::noinline]] void observe(Packet& packet, Shard& shard, const Runtime& runtime,
                               Instant now) noexcept {
    if (packet.tunnel == kWatchedNtp) {
        if (!packet.is_icmp_error && !packet.from_fragments)
            observe_ntp(packet, udp_payload(packet), shard, now);
        return;
    }
    const bool stream = packet.tunnel == kWatchedStream;
    if (packet.is_icmp_error) {
        const uint32_t handle = stream ? shard.tunnels.stream(packet.connection) : packet.tunnel;
        if (handle == TunnelTable::kNoTunnel) return;
        shard.tunnels.icmp_error(
            handle, direction_in_tunnel(handle, packet, packet.direction, shard),
            packet.headers.icmp_type, packet.headers.icmp_code, path_mtu(packet), now);
        return;
    }
    if (stream) return observe_segment(packet, shard, runtime, now);
    // What ESP and AH carry is no handshake, whatever it looks like.
    if (!runtime.services.empty() && packet.headers.protocol == ip_protocol::kUdp) [[unlikely]] {
        if (const DropReason reason = repeat_handshake(packet, shard, runtime, now);
            reason != DropReason::None)
            return packet.drop(reason);
    }
    const std::array<uint32_t, 2> passed = shard.conntrack.take_passed(packet.connection, now);
    show(packet, packet.tunnel, passed, shard, runtime, now);
}

void name_late(const Packet& packet, Late& late, Shard& shard, Instant now) noexcept {
    late.tunnel_id = shard.tunnels.id_of(late.tunnel);
    if (packet.is_icmp_error) return;
    const TunnelTable::Packet seen = tunnel_packet(late.tunnel, packet, late.direction, shard);
    if (shard.tunnels.late(late.tunnel, seen, static_cast<uint64_t>(packet.reason), now))
        late.certainty = Certainty::Exact;
}

bool resume_tunnel(const Packet& packet, const Late& late, const Opening& opening, Shard& shard,
                   const Runtime& runtime, Instant now) noexcept {
    const TunnelTable::Packet seen = tunnel_packet(late.tunnel, packet, late.direction, shard);
    if (!shard.tunnels.resumes(late.tunnel, seen, now)) return false;
    const uint32_t handle = late.tunnel;
    FlowId id = packet.id;
    if (late.direction == Direction::Reply) id.swapped = !id.swapped;
    const Opened opened =
        shard.conntrack.open(packet.headers, id, packet.frame.data + packet.headers.l4_offset,
                             opening, runtime.tracking_sets(), now);
    if (opened.reason != DropReason::None) return false;
    shard.conntrack.resume(opened.index, late);
    shard.conntrack.watch(opened.index, handle);
    const Side from = shard.tunnels.find(handle)->side_of(seen.direction);
    const Duration timeout = shard.tunnels.resume(handle, opened.index, from, now);
    if (timeout != Duration{}) shard.conntrack.prolong(opened.index, timeout, now);
    return true;
}

void take_over_passed(uint32_t first, uint32_t count, Shard& shard, Instant now) noexcept {
    const uint32_t end = std::min(shard.tunnels.capacity(), first + count);
    for (uint32_t slot = first; slot < end; ++slot) {
        const Tunnel* tunnel = shard.tunnels.in_slot(slot);
        if (tunnel == nullptr) continue;
        const uint32_t connection = tunnel->connection;
        if (shard.tunnels.find(shard.conntrack.watched_as(connection)) == tunnel)
            shard.tunnels.note_passed(slot, shard.conntrack.take_passed(connection, now), now);
    }
}

void tend_tunnels(Shard& shard, const Runtime& runtime, Instant now) noexcept {
    constexpr uint32_t kBudget = 32;
    Conntrack& conntrack = shard.conntrack;
    shard.tunnels.tend(
        now, kBudget, runtime.tunnels,
        [&](uint32_t connection) { return watcher_of(shard, connection); },
        [&](uint32_t connection, bool sample) {
            if (conntrack.watched_as(connection) == kWatchedStream)
                return std::array<uint32_t, 2>{};
            const std::array<uint32_t, 2> passed = conntrack.take_passed(connection, now);
            for (const Direction direction : {Direction::Original, Direction::Reply})
                if (sample && passed[static_cast<size_t>(direction)] != 0)
                    conntrack.let_none_pass(connection, direction);
            return passed;
        },
        [&](uint32_t connection, const TunnelTable::Effect& effect) {
            if (effect.close)
                conntrack.close(connection, end_reason(effect.reason), effect.by, now);
            else
                conntrack.prolong(connection, effect.timeout, now);
        });
}

}  // namespace ravelin
