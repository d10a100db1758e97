// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "pipeline/packet.h"
#include "policy/policy.h"

#include <utility>

namespace ravelin {

/// What the rules are asked about this packet.
[[nodiscard]] inline Query query_of(const Packet& packet) noexcept {
    const Headers& headers = packet.headers;
    const uint8_t* l3 = packet.frame.data + headers.l3_offset;
    const bool ipv4 = headers.family == Family::Ipv4;
    const bool icmp =
        headers.protocol == ip_protocol::kIcmp || headers.protocol == ip_protocol::kIcmpv6;
    return {.from_port = packet.frame.port,
            .protocol = headers.protocol,
            .source = ipv4 ? Address::from_ipv4(l3 + 12) : Address::from_ipv6(l3 + 8),
            .destination = ipv4 ? Address::from_ipv4(l3 + 16) : Address::from_ipv6(l3 + 24),
            .source_port = icmp ? uint16_t{0} : headers.source_port,
            .destination_port = icmp ? uint16_t{0} : headers.destination_port};
}

/// The same for the packet that this one answers.
[[nodiscard]] inline Query reversed(Query query, const Packet& packet) noexcept {
    query.from_port = packet.out_port;
    std::swap(query.source, query.destination);
    std::swap(query.source_port, query.destination_port);
    return query;
}

}  // namespace ravelin
