// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/time.h"
#include "conntrack/close_reason.h"
#include "packet/address.h"
#include "vpn/tunnel_record.h"

#include <compare>
#include <string>
#include <string_view>

namespace ravelin {

// Where arrays by Side have each.
inline constexpr auto kClient = static_cast<size_t>(Side::Client);
inline constexpr auto kServer = static_cast<size_t>(Side::Server);

/// One end of a tunnel.
struct TunnelEndpoint {
    Address address{};
    uint16_t port = 0;  ///< 0: the protocol has none
    auto operator<=>(const TunnelEndpoint&) const noexcept = default;
};

[[nodiscard]] inline TunnelEndpoint endpoint(const TunnelRecord& record, Side side) noexcept {
    const auto index = static_cast<size_t>(side);
    return {record.address[index], record.port[index]};
}

/// "10.1.1.2:1194", "[2001:db8::1]:1194", or the address alone where there are no ports.
[[nodiscard]] std::string endpoint_text(const TunnelEndpoint& endpoint);

/// As people say it: "48 ms", "29.6 s", "3m05s"; nothing negative.
[[nodiscard]] std::string seconds_text(Duration duration);

/// "OpenVPN", "WireGuard", "IKE", "ESP", "DTLS"
[[nodiscard]] std::string_view protocol_name(VpnProtocol protocol) noexcept;

/// "because nothing came for its timeout", "by FIN", "by a good-bye inside the tunnel".
[[nodiscard]] std::string_view close_reason_words(CloseReason reason) noexcept;

/// What happened, in one sentence without a full stop and without the tunnel's name.
[[nodiscard]] std::string event_words(const TunnelEvent& event);

}  // namespace ravelin
