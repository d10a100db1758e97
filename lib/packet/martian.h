// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "packet/drop_reason.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace ravelin {

namespace martian_detail {

inline constexpr uint8_t kSource = 1;
inline constexpr uint8_t kDestination = 2;

consteval std::array<uint8_t, 256> first_octets() {
    std::array<uint8_t, 256> table{};
    table[0] = table[127] = kSource | kDestination;
    for (size_t octet = 224; octet < table.size(); ++octet)
        table[octet] = kSource;
    return table;
}

inline constexpr std::array<uint8_t, 256> kFirstOctets = first_octets();

}  // namespace martian_detail

/// By the first octet of an IPv4 address: this network, loopback, multicast and reserved (RFC 1122
/// 3.2.1.3, RFC 6890).
[[nodiscard]] inline bool may_be_martian_source(uint8_t octet) noexcept {
    return (martian_detail::kFirstOctets[octet] & martian_detail::kSource) != 0;
}

/// This network and loopback.
[[nodiscard]] inline bool is_martian_destination(uint8_t octet) noexcept {
    return (martian_detail::kFirstOctets[octet] & martian_detail::kDestination) != 0;
}

/// Addresses in host order. A host that has none yet may ask for one by DHCP (RFC 2131 4.1).
/// Returns None, MartianSource, MartianDestination or Land.
[[nodiscard]] DropReason check_martian_ipv4(uint32_t source, uint32_t destination,
                                            bool is_dhcp_request) noexcept;

/// `may_be_unspecified`: the source :: is right, as in duplicate address detection.
/// Returns None, MartianSource, MartianDestination or Land.
[[nodiscard]] DropReason check_martian_ipv6(std::span<const uint8_t, 16> source,
                                            std::span<const uint8_t, 16> destination,
                                            bool may_be_unspecified) noexcept;

}  // namespace ravelin
