// SPDX-License-Identifier: BSD-3-Clause
#include "vpn/observer.h"

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
