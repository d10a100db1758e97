// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "conntrack/options.h"
#include "packet/headers.h"

#include <cstdint>
#include <span>

namespace ravelin {

/// One ICMP error with what it quotes, as far as it can be judged without the connection.
struct QuotedError {
    Headers quoted{};            ///< of the packet inside; offsets count from quoted_l3
    uint16_t quoted_offset = 0;  ///< of the quoted IP header, from the outer IP header
    uint32_t tcp_sequence = 0;   ///< quoted, TCP only
    /// The error went to whoever sent the quoted packet (netfilter's check of 2019; threats T02).
    bool destination_matches = false;
};

/// Reads an ICMP error: type and code allow-list, next-hop MTU, the quoted packet, and that the
/// error is addressed to the quoted packet's source. `l3` starts at the outer IP header and ends
/// where the packet ends. Never creates or changes anything.
/// Returns None, IcmpTypeRefused, IcmpErrorMtu, IcmpErrorMalformed or IcmpErrorDestination.
DropReason read_icmp_error(const Headers& outer, std::span<const uint8_t> l3,
                           const TrackingOptions& options, QuotedError& error) noexcept;

}  // namespace ravelin
