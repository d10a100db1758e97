// SPDX-License-Identifier: BSD-3-Clause
// What becomes of tunnels as time passes: roaming, silence, the end.
#include "base/byteorder.h"
#include "vpn/tunnels.h"

#include <algorithm>
#include <cstring>

namespace ravelin {

namespace {

constexpr size_t kWays = 4;

/// Of the packet counter as it stands on the wire.
uint32_t counter_value(VpnProtocol protocol, uint32_t wire) noexcept {
    return protocol == VpnProtocol::WireGuard ? wire : __builtin_bswap32(wire);
}

/// vpn.md 0.6 and F: the counter goes on across a move; nobody outside knows it.
bool continues(const Tunnel& tunnel, const Tunnel& candidate) noexcept {
    constexpr uint32_t kFurthest = 1U << 20;
    if (!tunnel.has_counter || !candidate.has_counter) return false;
    const uint32_t step = counter_value(tunnel.protocol, candidate.counter[0]) -
                          counter_value(tunnel.protocol, tunnel.counter[0]);
    return step != 0 && step <= kFurthest;
}

/// How long a side may owe an answer. WireGuard answers data within 10 s. Nobody has to answer ESP,
/// and a request of IKE that has no answer is sent again. DTLS has nothing but its keepalives.
Duration answer_patience(const Tunnel& tunnel, size_t side) noexcept {
    if (tunnel.protocol == VpnProtocol::Dtls && tunnel.rhythm[side].interval() != Duration{})
        return std::max<Duration>(tunnel.rhythm[side].interval() * 5 / 2, 15s);
    const bool ipsec = tunnel.protocol == VpnProtocol::Ike || tunnel.protocol == VpnProtocol::Esp;
    const bool owes = tunnel.protocol == VpnProtocol::WireGuard || (ipsec && tunnel.retries != 0);
    return owes ? Duration{15s} : Duration::max();
}

}  // namespace

// ---------------------------------------------------------------------------------------- roaming

size_t TunnelTable::roaming_bucket(const Tunnel& tunnel) const noexcept {
    constexpr auto kServer = static_cast<size_t>(Side::Server);
    const auto rest = static_cast<uint64_t>(tunnel.protocol) << 48 |
                      static_cast<uint64_t>(tunnel.port[kServer]) << 32 | tunnel.peer_id[0];
    const __m128i address =
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(tunnel.address[kServer].bytes.data()));
    const uint64_t hash = hash_(address, _mm_set_epi64x(0, static_cast<int64_t>(rest)));
    const size_t buckets = std::max<size_t>(roaming_.size() / kWays, 1);
    return static_cast<size_t>((hash >> 32) * buckets >> 32) * kWays;
}

void TunnelTable::remember(const Tunnel& tunnel, uint32_t handle) noexcept {
    if (roaming_.size() < kWays) return;
    const size_t bucket = roaming_bucket(tunnel);
    size_t place = bucket;
    for (size_t way = bucket; way < bucket + kWays; ++way) {
        if (roaming_[way] == handle) return;
        const Tunnel* other = find(roaming_[way]);
        if (other == nullptr || !is_open(*other)) place = way;
    }
    roaming_[place] = handle;
}

uint32_t TunnelTable::roam(const First& first, const Tunnel& candidate, Instant now) noexcept {
    if (roaming_.size() < kWays) return kNoTunnel;
    const size_t bucket = roaming_bucket(candidate);
    for (size_t way = bucket; way < bucket + kWays; ++way) {
        const uint32_t handle = roaming_[way];
        if (find(handle) == nullptr) continue;
        Tunnel& tunnel = slots_[handle & 0xffff];
        if (!is_open(tunnel) || tunnel.protocol != candidate.protocol ||
            tunnel.wire != candidate.wire || tunnel.peer_id[0] != candidate.peer_id[0] ||
            tunnel.address[1] != candidate.address[1] || tunnel.port[1] != candidate.port[1] ||
            !continues(tunnel, candidate))
            continue;
        TunnelEvent event{.kind = TunnelEventKind::Moved,
                          .from = Side::Client,
                          .at = now,
                          .address = tunnel.address[0],
                          .port = tunnel.port[0]};
        tunnel.left_connection = tunnel.connection;
        tunnel.connection = first.connection;
        tunnel.client_direction = Direction::Original;
        tunnel.address[0] = first.address[0];
        tunnel.port[0] = first.port[0];
        tunnel.counter[0] = candidate.counter[0];
        tunnel.moved = now;
        tunnel.small[1] = UINT16_MAX;  // so that the server's first answer is looked at
        tunnel.old_address_told = false;
        ++tunnel.moves;
        hear(tunnel, Side::Client, now);
        push(event, tunnel);
        return handle;
    }
    return kNoTunnel;
}

void TunnelTable::look_elsewhere(Tunnel& tunnel, const Packet& packet, Side from,
                                 Instant now) noexcept {
    // Packets that were under way when the client moved are no news.
    constexpr Duration kUnderWay = 1s;
    if (packet.connection != tunnel.left_connection) return;
    if (from == Side::Server) {
        if (now - tunnel.moved < kUnderWay || tunnel.old_address_told) return;
        tunnel.old_address_told = true;
        tell(tunnel, TunnelEventKind::AnswersOld, from, now, 0);
        return;
    }
    const auto& bytes = packet.payload;
    if (packet.fragmented || bytes.size() < tunnel.counter_at + sizeof(uint32_t)) return;
    Tunnel candidate;
    candidate.has_counter = tunnel.has_counter;
    std::memcpy(candidate.counter.data(), bytes.data() + tunnel.counter_at, sizeof(uint32_t));
    if (bytes[0] != tunnel.data_byte[0] || !continues(tunnel, candidate)) return;
    // It has come back before anybody answered at the new place.
    std::swap(tunnel.connection, tunnel.left_connection);
    tunnel.moved = now;
    ++tunnel.moves;
}

// ---------------------------------------------------------------------------------------- silence

void TunnelTable::check_silence(Tunnel& tunnel, Instant now) noexcept {
    if (tunnel.stage != TunnelStage::Established) return;
    const Tick tick = Tick::at(now);
    for (size_t side = 0; side < 2; ++side) {
        const Duration quiet = tick.since(tunnel.last_seen[side]) * kTick;
        const Duration other = tick.since(tunnel.last_seen[1 - side]) * kTick;
        // vpn.md B.1, B.5: OpenVPN's sides both send keepalives; the others only owe an answer.
        bool silent = false;
        if (tunnel.protocol == VpnProtocol::OpenVpn) {
            const Duration interval = tunnel.rhythm[side].interval();
            const Duration patience =
                interval == Duration{} ? 60s : std::max<Duration>(interval * 5 / 2, 15s);
            silent = quiet > patience && other < std::max<Duration>(patience / 2, 5s);
        } else {
            const Tick since = tunnel.unanswered_since[1 - side];
            silent = since != Tick{} && tick.since(since) * kTick > answer_patience(tunnel, side);
        }
        const auto from = static_cast<Side>(side);
        if (silent && !tunnel.silent[side]) {
            tunnel.silent[side] = true;
            tell(tunnel, TunnelEventKind::Silent, from, now, static_cast<uint64_t>(quiet.count()));
        } else if (tunnel.silent[side] && quiet < 1s) {
            tunnel.silent[side] = false;
            tell(tunnel, TunnelEventKind::Heard, from, now, 0);
        }
    }
}

TunnelTable::Effect TunnelTable::check(Tunnel& tunnel, const TunnelOptions& options,
                                       Instant now) noexcept {
    static_cast<void>(options);
    check_silence(tunnel, now);
    if (tunnel.protocol != VpnProtocol::OpenVpn ||
        openvpn::tend(tunnel, desk_, now) != Seeing::Close)
        return {};
    tunnel.stage = TunnelStage::Closing;
    tunnel.close_reason = CloseReason::Exit;
    return {
        .changed = true, .close = true, .reason = CloseReason::Exit, .by = tunnel.client_direction};
}

void TunnelTable::ended(Tunnel& tunnel, Instant now) noexcept {
    const uint32_t slot = slot_of(tunnel);
    const bool candidate = tunnel.inspected != UINT8_MAX;
    if (candidate) unlink_candidate(slot);
    if (tunnel.stage < TunnelStage::Established && !tunnel.picked_up)
        tell(tunnel, TunnelEventKind::Failed, Side::Client, now,
             static_cast<uint64_t>(tunnel.stage));
    const bool told = tunnel.confirmed();
    tunnel.stage = TunnelStage::Closed;
    if (told) {
        TunnelEvent event{.kind = TunnelEventKind::Ended,
                          .reason = tunnel.close_reason != CloseReason::None ? tunnel.close_reason
                                                                             : CloseReason::Idle,
                          .at = now};
        push(event, tunnel);
    }
    release(slot);
}

}  // namespace ravelin
