// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <cstdint>

namespace ravelin {

/// What a tunnel speaks.
enum class VpnProtocol : uint8_t { None, OpenVpn, WireGuard, Ike, Esp, Dtls, Count };
inline constexpr size_t kVpnProtocolCount = static_cast<size_t>(VpnProtocol::Count);
[[nodiscard]] const char* keyword(VpnProtocol protocol) noexcept;

/// How OpenVPN's control channel is wrapped. Of other protocols: None.
enum class ControlWrap : uint8_t { None, Plain, TlsAuth, TlsCrypt, TlsCryptV2, Unknown, Count };
[[nodiscard]] const char* keyword(ControlWrap wrap) noexcept;

/// The ends of a tunnel: the client is who sent the first handshake packet; of a tunnel that was
/// taken up in mid-stream it is the end outside.
enum class Side : uint8_t { Client = 0, Server = 1 };
[[nodiscard]] constexpr Side opposite(Side side) noexcept {
    return side == Side::Client ? Side::Server : Side::Client;
}
[[nodiscard]] const char* keyword(Side side) noexcept;

/// How far a tunnel has come.
enum class TunnelStage : uint8_t {
    Candidate,    ///< looks like one; the server side has said nothing that confirms it
    Handshake,    ///< the server side has answered in kind: from here on it is confirmed
    Established,  ///< data has gone both ways
    Closing,      ///< one end has said good-bye
    Closed,       ///< its connection is gone
    Count
};
inline constexpr size_t kTunnelStageCount = static_cast<size_t>(TunnelStage::Count);
[[nodiscard]] const char* keyword(TunnelStage stage) noexcept;

}  // namespace ravelin
