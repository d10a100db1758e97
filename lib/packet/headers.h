// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "packet/address.h"

#include <cstdint>

namespace ravelin {

/// IANA protocol numbers that have a meaning here.
namespace ip_protocol {
inline constexpr uint8_t kHopByHop = 0;
inline constexpr uint8_t kIcmp = 1;
inline constexpr uint8_t kIgmp = 2;
inline constexpr uint8_t kTcp = 6;
inline constexpr uint8_t kUdp = 17;
inline constexpr uint8_t kRouting = 43;
inline constexpr uint8_t kFragment = 44;
inline constexpr uint8_t kGre = 47;
inline constexpr uint8_t kEsp = 50;
inline constexpr uint8_t kAh = 51;
inline constexpr uint8_t kIcmpv6 = 58;
inline constexpr uint8_t kNoNextHeader = 59;
inline constexpr uint8_t kDestinationOptions = 60;
inline constexpr uint8_t kSctp = 132;
}  // namespace ip_protocol

/// ESP or AH: what has an SPI.
[[nodiscard]] constexpr bool is_ipsec(uint8_t protocol) noexcept {
    return protocol == ip_protocol::kEsp || protocol == ip_protocol::kAh;
}

/// TCP flag bits as they stand in byte 13 of the header (RFC 9293 3.1).
namespace tcp_flag {
inline constexpr uint8_t kFin = 0x01;
inline constexpr uint8_t kSyn = 0x02;
inline constexpr uint8_t kRst = 0x04;
inline constexpr uint8_t kPsh = 0x08;
inline constexpr uint8_t kAck = 0x10;
inline constexpr uint8_t kUrg = 0x20;
inline constexpr uint8_t kEce = 0x40;
inline constexpr uint8_t kCwr = 0x80;
}  // namespace tcp_flag

/// What parsing proved about one IP packet: every offset and length below lies inside the bytes
/// that were parsed, so that later stages read without checking again.
///
/// Offsets count from the first byte given to parse(). All values in host order. Of a fragment
/// nothing of the upper layer is set, whatever its offset.
struct Headers {
    // What any packet has; together, since the short cut through parsing writes nothing else.
    uint16_t ether_type = 0;       ///< after VLAN tags; 0 when an IP packet was parsed without
                                   ///< Ethernet
    Family family = Family::None;  ///< None: not IP, nothing below is set
    uint8_t protocol = 0;          ///< what follows the last extension header
    uint16_t l3_offset = 0;        ///< IP header
    uint16_t l4_offset = 0;        ///< first byte after IP header, options and extension headers
    uint32_t ip_length = 0;    ///< bytes from the IP header to the end of the packet by IP's word
                               ///< (IPv4 total length; 40 + payload length): what accounting counts
    uint32_t l4_length = 0;    ///< l4_offset to the packet's end by IP's word; may exceed the bytes
                               ///< present only for a quoted packet
    uint16_t source_port = 0;  ///< TCP, UDP, SCTP; ICMP query: the identifier
    uint16_t destination_port = 0;  ///< TCP, UDP, SCTP; ICMP query: type << 8 | code as on the
                                    ///< wire; GRE version 1: call id
    uint16_t l4_header_length = 0;  ///< TCP: data offset; UDP, ICMP: 8; SCTP 12; others 0
    uint8_t tcp_flags = 0;          ///< TCP only
    uint8_t ttl = 0;                ///< TTL or hop limit
    // What few have.
    uint16_t outer_vlan = 0;  ///< VLAN id of the first tag; 0: none (a priority tag has id 0)
    uint16_t inner_vlan = 0;  ///< VLAN id of the second tag; 0: none
    uint8_t icmp_type = 0;    ///< ICMP and ICMPv6 only
    uint8_t icmp_code = 0;
    bool is_fragment = false;      ///< more fragments follow or offset > 0 (not atomic fragments)
    uint8_t reserved = 0;          ///< named so that no byte is padding
    uint16_t fragment_offset = 0;  ///< bytes; 0 in a first fragment
    uint16_t fragment_data = 0;    ///< fragments only: first byte behind the IPv4 header, or behind
                                   ///< the IPv6 fragment header
    uint32_t spi = 0;              ///< ESP and AH: SPI; GRE version 1: call id; others 0

    bool operator==(const Headers&) const noexcept = default;
};

}  // namespace ravelin
