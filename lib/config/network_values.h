// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "config/findings.h"
#include "config/keys.h"
#include "policy/policy.h"
#include "vpn/mac1.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ravelin::config {

/// The values that speak of packets. Each returns what could be read; the rest is reported.
std::vector<uint16_t> read_ether_types(const Key& key, const Node& node, const std::string& label,
                                       Findings& findings);
std::optional<uint8_t> read_protocol(const Key& key, const Node& node, const std::string& label,
                                     Findings& findings);
std::vector<Prefix> read_prefixes(const Key& key, const Node& node, const std::string& label,
                                  Findings& findings);
std::vector<PortRange> read_port_ranges(const Key& key, const Node& node, const std::string& label,
                                        Findings& findings);

/// "127.0.0.1:9117" or "[::1]:9117".
[[nodiscard]] bool is_endpoint(std::string_view text);

/// 32 bytes in base64.
[[nodiscard]] std::optional<std::array<uint8_t, Mac1Key::kPublicKey>> read_public_key(
    std::string_view text);

/// Whether the protocol's header carries ports.
[[nodiscard]] constexpr bool has_ports(uint8_t protocol) noexcept {
    return protocol == ip_protocol::kTcp || protocol == ip_protocol::kUdp ||
           protocol == ip_protocol::kSctp;
}

/// "tcp", or the number of a protocol without a name here.
[[nodiscard]] std::string protocol_name(uint8_t protocol);

}  // namespace ravelin::config
