// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "conntrack/options.h"
#include "packet/headers.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ravelin {

/// One rule. Empty lists and absent values match everything; all that is given must match.
struct Rule {
    std::string name{};
    std::string where{};                 ///< "ravelin.yaml:42"
    std::optional<uint8_t> from_port{};  ///< index of the port the packet came in on
    std::optional<uint8_t> protocol{};   ///< IANA number
    std::vector<Prefix> source{};
    std::vector<Prefix> destination{};
    std::vector<PortRange> source_ports{};       ///< kProtocolsWithPorts only
    std::vector<PortRange> destination_ports{};  ///< kProtocolsWithPorts only
    bool allow = false;
    StalePolicy late = StalePolicy::General;  ///< for the connections that it allowed
    std::optional<Timeouts> timeouts{};       ///< likewise, if they aren't the general ones
    uint8_t timeout_set = 0;                  ///< where these are found: TrackingSets::of()

    /// A rule that speaks of ports never takes a packet that has none.
    [[nodiscard]] bool has_ports() const noexcept {
        return !source_ports.empty() || !destination_ports.empty();
    }
};

/// The protocols whose headers carry the ports that rules speak of.
inline constexpr std::array<uint8_t, 3> kProtocolsWithPorts{ip_protocol::kTcp, ip_protocol::kUdp,
                                                            ip_protocol::kSctp};

/// What the rules are asked about: the first packet of a connection.
struct Query {
    uint8_t from_port = 0;
    uint8_t protocol = 0;
    Address source{};
    Address destination{};
    uint16_t source_port = 0;  ///< 0 unless the protocol has ports
    uint16_t destination_port = 0;

    [[nodiscard]] bool has_ports() const noexcept {
        return std::find(kProtocolsWithPorts.begin(), kProtocolsWithPorts.end(), protocol) !=
               kProtocolsWithPorts.end();
    }
};

}  // namespace ravelin
