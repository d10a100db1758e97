// SPDX-License-Identifier: BSD-3-Clause
#include "vpn/tunnels.h"

#include "base/byteorder.h"
#include "base/check.h"
#include "packet/headers.h"

#include <algorithm>
#include <utility>

namespace ravelin {

namespace {

constexpr uint8_t kMostInspected = 16;
/// Of a session whose handshake nobody saw: its packets prove little each.
constexpr uint8_t kMostPickedUp = 200;

Seeing observe_as(Tunnel& tunnel, const Seen& seen, TunnelDesk& desk) noexcept {
    switch (tunnel.protocol) {
        case VpnProtocol::OpenVpn:
            return openvpn::observe(tunnel, seen, desk);
        case VpnProtocol::WireGuard:
            return wireguard::observe(tunnel, seen, desk);
        case VpnProtocol::Ike:
        case VpnProtocol::Esp:
            return ipsec::observe(tunnel, seen, desk);
        case VpnProtocol::Dtls:
            return dtls::observe(tunnel, seen, desk);
        case VpnProtocol::None:
        case VpnProtocol::Count:
            break;
    }
    return Seeing::Reject;
}

/// IPsec that no NAT has made hide in UDP 4500.
bool is_bare(const Tunnel& tunnel) noexcept {
    if (is_ipsec(tunnel.ip_protocol)) return true;
    return tunnel.protocol == VpnProtocol::Ike &&
           (tunnel.port[0] == ipsec::kIkePort || tunnel.port[1] == ipsec::kIkePort);
}

/// What an observer is told. The IKE of bare IPsec has its port, whatever the tunnel began with.
std::array<uint16_t, 2> ports_of(const Tunnel& tunnel, const TunnelPacket& packet) noexcept {
    if (!tunnel.bare) return tunnel.port;
    if (packet.without_udp) return {};
    return {ipsec::kIkePort, ipsec::kIkePort};
}

bool is_plain_data(const Tunnel& tunnel, const TunnelPacket& packet, size_t side) noexcept {
    if (packet.payload.size() <= tunnel.small[side] || packet.fragmented ||
        packet.payload[0] != tunnel.data_byte[side])
        return false;
    // Another SPI may begin with the same byte, and so may IKE.
    return !tunnel.bare ||
           (packet.without_udp && load_be32(packet.payload.data()) == tunnel.peer_id[side]);
}

/// Of bare IPsec any connection that carries its handle is the tunnel's own.
void note_connection(Tunnel& tunnel, const TunnelPacket& packet) noexcept {
    if (!tunnel.bare || packet.connection == tunnel.connection) return;
    tunnel.beside = packet.connection;
    // IKE's is the one to live in, so that whoever asks next is answered, however late.
    if (!packet.without_udp) std::swap(tunnel.beside, tunnel.connection);
}

/// Every pair that stands by Side.
void swap_sides(Tunnel& tunnel) noexcept {
    const auto turn = [](auto& pair) { std::swap(pair[0], pair[1]); };
    turn(tunnel.data_byte);
    turn(tunnel.small);
    turn(tunnel.last_seen);
    turn(tunnel.unanswered_since);
    turn(tunnel.counter);
    turn(tunnel.data_packets);
    turn(tunnel.disturbed);
    turn(tunnel.seen);
    turn(tunnel.session);
    turn(tunnel.peer_id);
    turn(tunnel.address);
    turn(tunnel.port);
    turn(tunnel.smallest_data);
    turn(tunnel.largest_data);
    turn(tunnel.rhythm);
    // WireGuard and IPsec keep pairs in scratch; of OpenVPN in mid-stream they are empty.
    std::swap(tunnel.scratch[0], tunnel.scratch[1]);
    std::swap(tunnel.scratch[2], tunnel.scratch[3]);
}

/// design.md, section 5: at least three keepalives and 10 s.
Duration timeout_of(const Tunnel& tunnel, const TunnelOptions& options) noexcept {
    if (!options.adaptive_timeouts || !tunnel.confirmed()) return Duration{};
    const Duration slowest = std::max(tunnel.rhythm[0].interval(), tunnel.rhythm[1].interval());
    if (slowest == Duration{}) return options.unknown_rhythm;
    return std::min(3 * slowest + 10s, options.longest);
}

}  // namespace

TunnelTable::TunnelTable(uint32_t capacity, const HashSecret& secret, uint8_t worker,
                         TunnelCounters& counters, SpscRing<TunnelEvent>* events,
                         SessionDirectory* sessions)
    : capacity_{capacity},
      worker_{worker},
      hash_{secret},
      slots_{capacity},
      roaming_{size_t{capacity} * 2},
      streams_{std::max(capacity, 1U)},
      pairs_{std::max(capacity, 1U)},
      counters_{counters},
      events_{events},
      sessions_{sessions} {
    CHECK(capacity <= kMost);
    used_ = capacity;
    for (uint32_t slot = 0; slot < capacity; ++slot)
        release(slot);
}

// ---------------------------------------------------------------------------------------- slots

void TunnelTable::release(uint32_t slot) noexcept {
    Tunnel& tunnel = slots_[slot];
    tunnel.newer = kNone;
    tunnel.older = last_free_;
    (last_free_ == kNone ? free_ : slots_[last_free_].newer) = slot;
    last_free_ = slot;
    --used_;
    counters_.tunnels.set(used_);
}

void TunnelTable::reclaim(uint32_t slot) noexcept {
    const Tunnel& tunnel = slots_[slot];
    (tunnel.older == kNone ? free_ : slots_[tunnel.older].newer) = tunnel.newer;
    (tunnel.newer == kNone ? last_free_ : slots_[tunnel.newer].older) = tunnel.older;
    ++used_;
    begun_ = std::max(begun_, slot + 1);
    counters_.tunnels.set(used_);
}

void TunnelTable::link_candidate(uint32_t slot) noexcept {
    slots_[slot].older = newest_;
    slots_[slot].newer = kNone;
    (newest_ == kNone ? oldest_ : slots_[newest_].newer) = slot;
    newest_ = slot;
}

void TunnelTable::unlink_candidate(uint32_t slot) noexcept {
    const Tunnel& tunnel = slots_[slot];
    (tunnel.older == kNone ? oldest_ : slots_[tunnel.older].newer) = tunnel.newer;
    (tunnel.newer == kNone ? newest_ : slots_[tunnel.newer].older) = tunnel.older;
}

uint32_t TunnelTable::take_slot() noexcept {
    uint32_t slot = free_;
    if (slot != kNone) {
        reclaim(slot);
        return slot;
    }
    slot = oldest_;
    if (slot == kNone) {
        counters_.refused.add();
        return kNone;
    }
    unlink_candidate(slot);
    forget_stream(slots_[slot]);
    forget_pair(slots_[slot]);
    counters_.displaced.add();
    return slot;
}

const Tunnel* TunnelTable::find(uint32_t handle) const noexcept {
    const uint32_t slot = handle & 0xffff;
    if (slot >= capacity_) return nullptr;
    const Tunnel& tunnel = slots_[slot];
    const bool same = tunnel.generation == handle >> 16 && tunnel.protocol != VpnProtocol::None;
    return same ? &tunnel : nullptr;
}

// --------------------------------------------------------------------------------------- beginning

uint32_t TunnelTable::begin(const First& first, Instant now) noexcept {
    const Seen seen{.payload = first.payload, .from = Side::Client, .now = now, .port = first.port};
    if (capacity_ == 0 || !(is_ipsec(first.ip_protocol) || may_begin(seen))) return kNoTunnel;
    Tunnel found;
    found.address = first.address;
    found.port = first.port;
    found.ip_protocol = first.ip_protocol;
    if (!recognise(seen, found)) return kNoTunnel;
    found.connection = first.connection;
    found.client_inside = first.from_inside;
    found.wire = first.wire;
    found.bare = is_bare(found);
    if (found.bare) {
        if (const uint32_t handle = part_of(found); handle != kNoTunnel) return handle;
    }
    found.started = now;
    found.changed = now;
    found.inspected = 1;
    hear(found, Side::Client, now);
    if (found.picked_up) {
        // Data, and nobody has seen its handshake: a client that has moved, or one from before our
        // start. Of the latter, the end outside is taken for the client.
        if (const uint32_t handle = found.bare ? kNoTunnel : roam(first, found, now);
            handle != kNoTunnel) {
            // It is a packet of the client's like any other: where a NAT forgets the client between
            // two keepalives, each of these moves it.
            static_cast<void>(observe_as(slots_[handle & 0xffff], seen, desk_));
            return handle;
        }
        if (first.from_inside) {
            swap_sides(found);
            found.client_direction = Direction::Reply;
            found.client_inside = false;
        }
    }
    const uint32_t slot = take_slot();
    if (slot == kNone) return kNoTunnel;
    // No handle is kNoTunnel, kWatchedStream or kWatchedNtp.
    found.generation = static_cast<uint16_t>(slots_[slot].generation % 0xfffe + 1);
    if (found.picked_up && found.client_direction == Direction::Original && !found.bare) {
        found.provisional = may_continue(found);
        found.expected = sessions_ != nullptr && sessions_->knows(found, now);
    }
    slots_[slot] = found;
    link_candidate(slot);
    if (found.bare) list_pair(slot);
    if (!found.picked_up)
        tell(slots_[slot], TunnelEventKind::Started, Side::Client, now, found.session[0]);
    return handle_of(slot);
}

// ---------------------------------------------------------------------------------------- going on

void TunnelTable::hear(Tunnel& tunnel, Side from, Instant now) noexcept {
    const auto side = static_cast<size_t>(from);
    tunnel.last_seen[side] = Tick::at(now);
    tunnel.seen[side] = true;
    tunnel.unanswered_since[1 - side] = Tick{};
}

void TunnelTable::hear_data(Tunnel& tunnel, Side from, std::span<const uint8_t> payload,
                            Instant now) noexcept {
    const auto side = static_cast<size_t>(from);
    hear(tunnel, from, now);
    if (tunnel.unanswered_since[side] == Tick{}) tunnel.unanswered_since[side] = Tick::at(now);
    std::memcpy(&tunnel.counter[side], payload.data() + tunnel.counter_at,
                sizeof tunnel.counter[side]);
    ++tunnel.data_packets[side];
    tunnel.disturbed[side] = true;
}

void TunnelTable::hear_passed(Tunnel& tunnel, const std::array<uint32_t, 2>& passed,
                              Instant now) noexcept {
    for (const Direction direction : {Direction::Original, Direction::Reply}) {
        const uint32_t count = passed[static_cast<size_t>(direction)];
        if (count == 0) continue;
        const Side from = tunnel.side_of(direction);
        const auto side = static_cast<size_t>(from);
        hear(tunnel, from, now);
        tunnel.data_packets[side] += count;
        tunnel.disturbed[side] = true;
        // Who of the two had the last word isn't known: so nobody waits.
        const bool both = passed[static_cast<size_t>(opposite(direction))] != 0;
        if (!both && tunnel.unanswered_since[side] == Tick{})
            tunnel.unanswered_since[side] = Tick::at(now);
    }
}

TunnelTable::Effect TunnelTable::observe(uint32_t handle, const Packet& packet,
                                         const TunnelOptions& options, Instant now) noexcept {
    const uint32_t slot = handle & 0xffff;
    Tunnel& tunnel = slots_[slot];
    if (tunnel.generation != handle >> 16 || !tunnel.is_open())
        return {.changed = true, .watched = false};
    const Side from = tunnel.side_of(packet.direction);
    note_connection(tunnel, packet);
    const bool elsewhere = packet.connection != tunnel.connection && !tunnel.bare;
    if (!elsewhere) {
        const auto side = static_cast<size_t>(from);
        hear_passed(tunnel, packet.passed, now);
        if (is_plain_data(tunnel, packet, side)) {
            hear_data(tunnel, from, packet.payload, now);
            return {};
        }
    }
    counters_.inspected.add();
    if (elsewhere) {
        look_elsewhere(tunnel, packet, from, now);
        if (packet.connection != tunnel.connection) return {};
    }

    if (tunnel.provisional != kNoTunnel && !packet.fragmented) [[unlikely]] {
        const Effect effect = look_provisional(slot, packet, from, now);
        if (effect.changed || tunnel.provisional != kNoTunnel) return effect;
    }
    Effect effect;
    if (packet.fragmented) {
        ++tunnel.fragments[static_cast<size_t>(from)];
    } else if (!packet.payload.empty()) {
        const Seen seen{
            .payload = packet.payload, .from = from, .now = now, .port = ports_of(tunnel, packet)};
        const TunnelStage before = tunnel.stage;
        effect = judge(slot, observe_as(tunnel, seen, desk_), from, options);
        if (!effect.watched) return effect;
        effect.completed =
            before < TunnelStage::Established && tunnel.stage == TunnelStage::Established;
        effect.changed |= effect.completed;
        if (sessions_ != nullptr && tunnel.may_move() && tunnel.confirmed() && from == Side::Client)
            sessions_->note(tunnel, worker_, now);
    }
    hear(tunnel, from, now);
    // The server answers where the client has gone: now the old address is history.
    if (tunnel.left_connection != kNone && from == Side::Server) {
        effect.changed = true;
        effect.buried = std::exchange(tunnel.left_connection, kNone);
    }
    return effect;
}

TunnelTable::Effect TunnelTable::judge(uint32_t slot, Seeing seeing, Side from,
                                       const TunnelOptions& options) noexcept {
    Tunnel& tunnel = slots_[slot];
    const bool candidate = tunnel.inspected != UINT8_MAX;
    if (candidate && !tunnel.confirmed()) {
        const uint8_t most = tunnel.picked_up ? kMostPickedUp : kMostInspected;
        if (seeing == Seeing::Fits && ++tunnel.inspected <= most) return {};
        counters_.rejected[static_cast<size_t>(tunnel.protocol)].add();
        unlink_candidate(slot);
        forget_stream(tunnel);
        forget_pair(tunnel);
        tunnel.protocol = VpnProtocol::None;
        release(slot);
        return {.changed = true, .watched = false};
    }
    if (candidate) {
        tunnel.inspected = UINT8_MAX;
        unlink_candidate(slot);
        counters_.confirmed[static_cast<size_t>(tunnel.protocol)].add();
    }
    if (tunnel.may_move() && (tunnel.peer_id[0] != 0 || tunnel.protocol == VpnProtocol::OpenVpn))
        remember(tunnel, handle_of(slot));
    Effect effect;
    if (seeing == Seeing::Close) {
        tunnel.stage = TunnelStage::Closing;
        tunnel.close_reason = CloseReason::Exit;
        const Direction by = from == Side::Client ? tunnel.client_direction
                                                  : ravelin::opposite(tunnel.client_direction);
        return {.changed = true, .close = true, .reason = CloseReason::Exit, .by = by};
    }
    const Duration timeout = timeout_of(tunnel, options);
    effect.changed = timeout != tunnel.timeout;
    effect.timeout = tunnel.timeout = timeout;
    return effect;
}

void TunnelTable::icmp_error(uint32_t handle, Direction direction, uint8_t type, uint8_t code,
                             uint16_t mtu, Instant now) noexcept {
    Tunnel& tunnel = slots_[handle & 0xffff];
    if (find(handle) == nullptr || !tunnel.confirmed()) return;
    const Side from = tunnel.side_of(direction);
    ++tunnel.icmp_errors[static_cast<size_t>(from)];
    if (mtu == 0) {
        tell(tunnel, TunnelEventKind::IcmpError, from, now,
             static_cast<uint64_t>(type) << 8 | code);
        return;
    }
    if (tunnel.path_mtu != 0 && mtu >= tunnel.path_mtu) return;
    tunnel.path_mtu = mtu;
    tell(tunnel, TunnelEventKind::PathMtu, from, now, mtu);
}

}  // namespace ravelin
