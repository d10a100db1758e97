// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "packet/drop_reason.h"

#include <cstdint>
#include <span>

namespace ravelin {

/// True unless the first octets show at once that neither address is a martian; for the fast path.
///
/// Sources: this network, loopback, multicast and reserved (RFC 1122 3.2.1.3, RFC 6890);
/// destinations: this network and loopback. Land packets are the caller's business.
[[nodiscard]] constexpr bool may_be_martian_ipv4(uint8_t source, uint8_t destination) noexcept {
    // source - 1 wraps 0 to 255, so that one comparison finds 0 and everything from 224.
    return (static_cast<uint8_t>(source - 1) >= 223) | (source == 127) | (destination == 0) |
           (destination == 127);
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
