// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "packet/address.h"
#include "vpn/mac1.h"
#include "vpn/protocol.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ravelin {

/// A VPN service of the concentrator that the operator has declared. A new connection to it has to
/// begin with a handshake of its protocol, and there is a budget for those.
struct VpnService {
    /// Most services, so that budgets need no allocation.
    static constexpr size_t kMost = 64;

    std::string name{};
    VpnProtocol protocol = VpnProtocol::OpenVpn;
    std::vector<Prefix> address{};
    std::vector<PortRange> ports{};
    /// WireGuard: of the server's public key. An initiation that wasn't made for it is dropped.
    std::optional<Mac1Key> mac1{};
    /// First packets of handshakes that reach the service: of all sources, of one address. A second
    /// worth of them may come at once.
    uint32_t handshakes_per_second = 100;
    uint32_t handshakes_per_source = 10;
    /// The part of the budget that is kept for addresses that have completed a handshake before.
    uint32_t reserved_percent = 50;

    [[nodiscard]] bool takes(const Address& destination, uint16_t port) const noexcept {
        const Family family = destination.is_ipv4() ? Family::Ipv4 : Family::Ipv6;
        return std::any_of(ports.begin(), ports.end(),
                           [&](const PortRange& range) {
                               return range.first <= port && port <= range.last;
                           }) &&
               std::any_of(address.begin(), address.end(), [&](const Prefix& prefix) {
                   return prefix.family == family && prefix.contains(destination);
               });
    }
    bool operator==(const VpnService&) const noexcept = default;
};

}  // namespace ravelin
