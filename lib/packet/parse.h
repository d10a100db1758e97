// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "packet/drop_reason.h"
#include "packet/headers.h"

#include <cstdint>
#include <span>

namespace ravelin {

/// What parse() is asked to refuse; part of the published configuration.
struct ParseOptions {
    bool verify_checksums = true;     ///< TCP, UDP and ICMP over the whole packet
    bool refuse_ipv4_options = true;  ///< but router alert for IGMP (RFC 7126, threats T48)
    /// Source or destination that can't be (threats T4A), land, and neighbour discovery from beyond
    /// the link (RFC 4861 6.1) or with a fragment header (RFC 6980).
    bool refuse_martians = true;
    bool refuse_routing_header = true;  ///< any IPv6 routing header; type 0 is always refused
    bool refuse_ttl_zero = true;
    bool operator==(const ParseOptions&) const noexcept = default;
};

/// The only entry for untrusted frames: Ethernet, up to two VLAN tags, IPv4 or IPv6 with their
/// options and extension headers, and the fixed part of the L4 header.
///
/// `frame` is contiguous; its length may include Ethernet padding, which is trimmed before any
/// length is believed. Not IP: DropReason::None with family None (the caller decides by EtherType).
/// On a drop reason `headers` holds what was proven until then; family tells whether it was IP by
/// its EtherType, and the addresses are there to be read when ip_length isn't 0. A fragment (but
/// not an atomic one, RFC 6946) ends with None when IP and its headers are good: its upper layer
/// can only be judged when the datagram is whole. `l4_checksum_good`: the port already verified it,
/// so it isn't summed again.
DropReason parse(std::span<const uint8_t> frame, const ParseOptions& options, bool l4_checksum_good,
                 Headers& headers) noexcept;

/// parse() for what parse_plain() (plain.h) has not taken.
DropReason parse_rare(std::span<const uint8_t> frame, const ParseOptions& options,
                      bool l4_checksum_good, Headers& headers) noexcept;

/// How strictly the packet inside an ICMP error is judged.
struct QuoteOptions {
    bool verify_ip_checksum = true;  ///< IPv4 header checksum and total length of the quoted packet
    uint8_t minimum_l4_bytes = 8;    ///< RFC 792; the kernel is content with 4 for TCP and UDP
    bool operator==(const QuoteOptions&) const noexcept = default;
};

/// Parses the packet that an ICMP error quotes. `quote` starts at the quoted IP header and ends
/// where the outer packet ends; it is usually cut, so l4_length is IP's word and may exceed it.
///
/// Returns None, or IcmpErrorMalformed for whatever can't be used: cut too short, bad version or
/// header length, bad header checksum, a non-first fragment, an ICMP error itself.
/// TCP: `tcp_sequence` gets the quoted sequence number.
DropReason parse_quoted(std::span<const uint8_t> quote, Family family, const QuoteOptions& options,
                        Headers& headers, uint32_t& tcp_sequence) noexcept;

/// True for ICMP and ICMPv6 types that quote another packet (RFC 792, RFC 4443): v4 3, 4, 5, 11,
/// 12; v6 all types below 128.
[[nodiscard]] bool is_icmp_error(Family family, uint8_t type) noexcept;

/// True for ICMP and ICMPv6 requests and replies that carry an identifier (RFC 792, 950, 4443,
/// 4620): v4 0, 8, 13 to 18; v6 128, 129, 139, 140.
[[nodiscard]] bool is_icmp_query(Family family, uint8_t type) noexcept;

/// True for neighbour discovery, MLD and multicast router discovery (RFC 4286), which are never
/// tracked: v6 130 to 136, 143, 151 and 152. Redirect (137) is an error in disguise and not among
/// them. The hop limit is checked by parse().
[[nodiscard]] bool is_untracked_icmp(Family family, uint8_t type) noexcept;

}  // namespace ravelin
