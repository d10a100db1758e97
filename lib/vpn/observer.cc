// SPDX-License-Identifier: BSD-3-Clause
#include "vpn/observer.h"

#include "packet/headers.h"

#include <algorithm>

namespace ravelin {

bool begins(VpnProtocol protocol, const Seen& first, Tunnel& tunnel) noexcept {
    switch (protocol) {
        case VpnProtocol::OpenVpn:
            return openvpn::begins(first, tunnel);
        case VpnProtocol::WireGuard:
            return wireguard::begins(first, tunnel);
        case VpnProtocol::Ike:
        case VpnProtocol::Esp:
            return ipsec::begins(first, tunnel);
        case VpnProtocol::Dtls:
            return dtls::begins(first, tunnel);
        case VpnProtocol::None:
        case VpnProtocol::Count:
            break;
    }
    return false;
}

namespace {

VpnProtocol by_first_byte(uint8_t byte) noexcept {
    if (byte == 0x38 || byte == 0x50 || (byte & 0xf8) == 0x48) return VpnProtocol::OpenVpn;
    if (byte >= 1 && byte <= 4) return VpnProtocol::WireGuard;
    return byte == 0x16 ? VpnProtocol::Dtls : VpnProtocol::None;
}

bool is_ipsec_port(uint16_t port) noexcept {
    return port == ipsec::kIkePort || port == ipsec::kNatPort;
}

bool begins_as(VpnProtocol protocol, bool may_be_data, const Seen& first, Tunnel& tunnel) noexcept {
    Tunnel found = tunnel;
    found.protocol = protocol;
    if (!begins(protocol, first, found) || (found.picked_up && !may_be_data)) return false;
    found.has_counter |= protocol == VpnProtocol::WireGuard || protocol == VpnProtocol::Ike;
    tunnel = found;
    return true;
}

}  // namespace

bool may_begin(const Seen& first) noexcept {
    if (first.payload.empty()) return false;
    return by_first_byte(first.payload[0]) != VpnProtocol::None || is_ipsec_port(first.port[0]) ||
           is_ipsec_port(first.port[1]);
}

bool recognise(const Seen& first, Tunnel& tunnel) noexcept {
    if (is_ipsec(tunnel.ip_protocol)) return begins_as(VpnProtocol::Esp, true, first, tunnel);
    const VpnProtocol protocol = by_first_byte(first.payload[0]);
    const bool ipsec = is_ipsec_port(first.port[0]) || is_ipsec_port(first.port[1]);
    // On IPsec's ports another protocol has to show its handshake: what could be data is ESP.
    if (protocol != VpnProtocol::None && begins_as(protocol, !ipsec, first, tunnel)) return true;
    return ipsec && tunnel.ip_protocol != ip_protocol::kTcp &&
           begins_as(VpnProtocol::Ike, true, first, tunnel);
}

void note_keepalive(Tunnel& tunnel, const Seen& seen, TunnelDesk& desk) noexcept {
    const auto side = static_cast<size_t>(seen.from);
    ++tunnel.data_packets[side];
    const bool news = tunnel.rhythm[side].beat(Tick::at(seen.now), !tunnel.disturbed[side]);
    tunnel.disturbed[side] = false;
    if (!news) return;
    const Duration interval = tunnel.rhythm[side].interval();
    desk.tell(tunnel, TunnelEventKind::Keepalive, seen.from, seen.now,
              static_cast<uint64_t>(interval.count()));
}

void note_data(Tunnel& tunnel, const Seen& seen) noexcept {
    const auto side = static_cast<size_t>(seen.from);
    const auto length = static_cast<uint16_t>(std::min<size_t>(seen.payload.size(), UINT16_MAX));
    uint16_t& smallest = tunnel.smallest_data[side];
    smallest = smallest == 0 ? length : std::min(smallest, length);
    tunnel.largest_data[side] = std::max(tunnel.largest_data[side], length);
}

void note_established(Tunnel& tunnel, const Seen& seen, TunnelDesk& desk) noexcept {
    if (tunnel.stage >= TunnelStage::Established) return;
    tunnel.stage = TunnelStage::Established;
    tunnel.established = seen.now;
    desk.tell(tunnel, TunnelEventKind::Established, seen.from, seen.now,
              static_cast<uint64_t>((seen.now - tunnel.started).count()));
}

void note_renegotiation(Tunnel& tunnel, const Seen& seen, TunnelDesk& desk,
                        uint64_t value) noexcept {
    if (tunnel.renegotiations != 0) tunnel.renegotiation_interval = seen.now - tunnel.renegotiated;
    ++tunnel.renegotiations;
    tunnel.renegotiated = seen.now;
    tunnel.renegotiated_by = seen.from;
    desk.tell(tunnel, TunnelEventKind::Renegotiating, seen.from, seen.now, value);
}

}  // namespace ravelin
