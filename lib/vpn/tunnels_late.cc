// SPDX-License-Identifier: BSD-3-Clause
// Packets that come after a tunnel's connection has ended.
#include "base/byteorder.h"
#include "vpn/continuity.h"
#include "vpn/openvpn_wire.h"
#include "vpn/tunnels.h"

#include <cstring>

namespace ravelin {

namespace {

bool is_openvpn_data_v2(uint8_t first) noexcept {
    return openvpn::opcode_of(first) == openvpn::Opcode::DataV2;
}

}  // namespace

bool TunnelTable::shows_session(const Tunnel& tunnel, Side from,
                                std::span<const uint8_t> bytes) noexcept {
    const auto side = static_cast<size_t>(from);
    if (bytes.size() < 16) return false;
    switch (tunnel.protocol) {
        case VpnProtocol::OpenVpn:
            if (is_openvpn_data_v2(bytes[0]))
                return (load_be32(bytes.data()) & 0xffffff) == tunnel.peer_id[side];
            return load_be64(bytes.data() + 1) == tunnel.session[side];
        case VpnProtocol::WireGuard:
            return bytes[0] == 4 && load_le32(bytes.data() + 4) == tunnel.peer_id[side];
        case VpnProtocol::Ike:
        case VpnProtocol::Esp:
            return load_be32(bytes.data()) == tunnel.peer_id[side] ||
                   load_be64(bytes.data()) == tunnel.session[0];
        case VpnProtocol::Dtls:
        case VpnProtocol::None:
        case VpnProtocol::Count:
            break;
    }
    return false;
}

bool TunnelTable::late(uint32_t handle, const Packet& packet, uint64_t drop, Instant now) noexcept {
    const Tunnel* tunnel = find(handle);
    if (tunnel == nullptr) return false;
    const Side from = tunnel->side_of(packet.direction);
    tell(*tunnel, TunnelEventKind::Late, from, now, drop);
    return shows_session(*tunnel, from, packet.payload);
}

bool TunnelTable::resumes(uint32_t handle, const Packet& packet, Instant now) noexcept {
    constexpr uint32_t kPerSecond = 10;
    const Tunnel* tunnel = find(handle);
    // Only what both sides had agreed on, and which nobody has ended.
    if (tunnel == nullptr || tunnel->stage != TunnelStage::Closed ||
        tunnel->established == Instant{} || tunnel->close_reason != CloseReason::Idle)
        return false;
    const Side from = tunnel->side_of(packet.direction);
    if (packet.fragmented || !shows_session(*tunnel, from, packet.payload)) return false;
    const auto side = static_cast<size_t>(from);
    if (packet.payload.size() < tunnel->counter_at + sizeof(uint32_t)) return false;
    // A session id is 64 random bits; whatever carries less has to count on. Under another key the
    // counter begins again, and shows nothing.
    const bool shows_session_id =
        tunnel->protocol == VpnProtocol::OpenVpn && !is_openvpn_data_v2(packet.payload[0]);
    if (!shows_session_id) {
        if (packet.payload[0] != tunnel->data_byte[side]) return false;
        uint32_t counter = 0;
        std::memcpy(&counter, packet.payload.data() + tunnel->counter_at, sizeof counter);
        if (!tunnel->has_counter || !goes_on(*tunnel, side, counter)) return false;
    }
    return resumptions_.take(kPerSecond, now);
}

Duration TunnelTable::resume(uint32_t handle, uint32_t connection, Side from,
                             Instant now) noexcept {
    const uint32_t slot = handle & 0xffff;
    Tunnel& tunnel = slots_[slot];
    reclaim(slot);
    tunnel.stage = TunnelStage::Established;
    tunnel.close_reason = CloseReason::None;
    tunnel.connection = connection;
    tunnel.left_connection = kNone;
    tunnel.beside = kNone;
    tunnel.silent = {};
    tunnel.small = {UINT16_MAX, UINT16_MAX};  // both sides' next packets are looked at
    hear(tunnel, from, now);
    if (tunnel.may_move()) remember(tunnel, handle);
    if (tunnel.bare) list_pair(slot);
    tell(tunnel, TunnelEventKind::Resumed, from, now, 0);
    return tunnel.timeout;
}

}  // namespace ravelin
