// SPDX-License-Identifier: BSD-3-Clause
// What becomes of tunnels as time passes: roaming, silence, the end.
#include "base/byteorder.h"
#include "vpn/continuity.h"
#include "vpn/tunnels.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace ravelin {

namespace {

constexpr size_t kWays = 4;

bool continues(const Tunnel& tunnel, const Tunnel& candidate) noexcept {
    return tunnel.has_counter && candidate.has_counter && goes_on(tunnel, 0, candidate.counter[0]);
}

bool same_session(const Tunnel& tunnel, const Tunnel& candidate) noexcept {
    return tunnel.is_open() && tunnel.protocol == candidate.protocol &&
           tunnel.wire == candidate.wire && tunnel.peer_id[0] == candidate.peer_id[0] &&
           tunnel.address[1] == candidate.address[1] && tunnel.port[1] == candidate.port[1];
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
    const uint64_t hash = session_hash(hash_, tunnel);
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
        if (other == nullptr || !other->is_open()) place = way;
    }
    roaming_[place] = handle;
}

void TunnelTable::move(Tunnel& tunnel, uint32_t connection, const Address& address, uint16_t port,
                       Instant now) noexcept {
    TunnelEvent event{.kind = TunnelEventKind::Moved,
                      .from = Side::Client,
                      .at = now,
                      .address = tunnel.address[0],
                      .port = tunnel.port[0]};
    tunnel.left_connection = tunnel.connection;
    tunnel.left_address = tunnel.address[0];
    tunnel.left_port = tunnel.port[0];
    tunnel.connection = connection;
    tunnel.client_direction = Direction::Original;
    tunnel.address[0] = address;
    tunnel.port[0] = port;
    tunnel.moved = now;
    tunnel.small[1] = UINT16_MAX;  // so that the server's first answer is looked at
    tunnel.old_address_told = false;
    ++tunnel.moves;
    hear(tunnel, Side::Client, now);
    push(event, tunnel);
}

uint32_t TunnelTable::roam(const First& first, const Tunnel& candidate, Instant now) noexcept {
    if (roaming_.size() < kWays) return kNoTunnel;
    const size_t bucket = roaming_bucket(candidate);
    for (size_t way = bucket; way < bucket + kWays; ++way) {
        const uint32_t handle = roaming_[way];
        if (find(handle) == nullptr) continue;
        Tunnel& tunnel = slots_[handle & 0xffff];
        if (!same_session(tunnel, candidate) || !continues(tunnel, candidate)) continue;
        tunnel.counter[0] = candidate.counter[0];
        move(tunnel, first.connection, first.address[0], first.port[0], now);
        return handle;
    }
    return kNoTunnel;
}

uint32_t TunnelTable::may_continue(const Tunnel& candidate) const noexcept {
    if (roaming_.size() < kWays || candidate.protocol != VpnProtocol::OpenVpn) return kNoTunnel;
    const size_t bucket = roaming_bucket(candidate);
    for (size_t way = bucket; way < bucket + kWays; ++way) {
        const Tunnel* tunnel = find(roaming_[way]);
        if (tunnel != nullptr && !tunnel->has_counter &&
            tunnel->stage == TunnelStage::Established && same_session(*tunnel, candidate))
            return roaming_[way];
    }
    return kNoTunnel;
}

// With CBC nothing shows that the client's packets go on where they stopped. That the server
// answers to the new address within two seconds does: it has verified one of them (vpn.md 0.6).
TunnelTable::Effect TunnelTable::look_provisional(uint32_t slot, const Packet& packet, Side from,
                                                  Instant now) noexcept {
    constexpr Duration kSoon = 2s;
    Tunnel& candidate = slots_[slot];
    const uint32_t handle = candidate.provisional;
    const bool late = now - candidate.started > kSoon;
    if (late || find(handle) == nullptr) {
        candidate.provisional = kNoTunnel;
        return {};
    }
    if (from == Side::Client) return {};
    Tunnel& tunnel = slots_[handle & 0xffff];
    const bool answers = same_session(tunnel, candidate) && packet.payload.size() >= 16 &&
                         packet.payload[0] == tunnel.data_byte[1] &&
                         (load_be32(packet.payload.data()) & 0xffffff) == tunnel.peer_id[1];
    if (!answers) {
        candidate.provisional = kNoTunnel;
        return {};
    }
    const Address address = candidate.address[0];
    const uint16_t port = candidate.port[0];
    const uint32_t connection = candidate.connection;
    unlink_candidate(slot);
    candidate.protocol = VpnProtocol::None;
    release(slot);
    move(tunnel, connection, address, port, now);
    hear(tunnel, Side::Server, now);
    return {.changed = true,
            .timeout = tunnel.timeout,
            .handle = handle,
            .buried = std::exchange(tunnel.left_connection, kNone)};
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
    const Address back = tunnel.left_address;
    move(tunnel, tunnel.left_connection, back, tunnel.left_port, now);
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
    constexpr Duration kUnderWay = 2s;
    check_silence(tunnel, now);
    if (tunnel.bare) {
        // IKE's connection waits as long as ESP flows beside it.
        const bool flows = tunnel.beside != kNone && tunnel.confirmed() &&
                           (Tick::at(now).since(tunnel.last_seen[0]) * kTick < kUnderWay ||
                            Tick::at(now).since(tunnel.last_seen[1]) * kTick < kUnderWay);
        if (!flows || !options.adaptive_timeouts) return {};
        return {.changed = true, .timeout = options.unknown_rhythm};
    }
    const bool quiet = Tick::at(now).since(tunnel.last_seen[0]) * kTick > kUnderWay;
    if (quiet && tunnel.confirmed() && sessions_ != nullptr && tunnel.may_move() &&
        sessions_->moved_from(tunnel, worker_, now)) {
        tunnel.stage = TunnelStage::Closing;
        tunnel.close_reason = CloseReason::Moved;
        return {.changed = true,
                .close = true,
                .reason = CloseReason::Moved,
                .by = tunnel.client_direction};
    }
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
    // Some rounds later the end of all that were there has been noticed.
    const bool flushed = flushed_ != Instant{} && now - flushed_ <= 20 * kRound &&
                         std::max(tunnel.started, tunnel.moved) <= flushed_;
    if (tunnel.close_reason == CloseReason::None)
        tunnel.close_reason = flushed ? CloseReason::Operator : CloseReason::Idle;
    if (told) {
        TunnelEvent event{.kind = TunnelEventKind::Ended, .reason = tunnel.close_reason, .at = now};
        push(event, tunnel);
    }
    forget_stream(tunnel);
    forget_pair(tunnel);
    release(slot);
}

}  // namespace ravelin
