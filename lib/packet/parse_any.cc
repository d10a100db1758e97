// SPDX-License-Identifier: BSD-3-Clause
#include "packet/parse_any.h"

#include "base/byteorder.h"
#include "packet/checksum.h"
#include "packet/ethernet.h"
#include "packet/icmp.h"
#include "packet/ipv4.h"
#include "packet/ipv6.h"
#include "packet/martian.h"
#include "packet/transport.h"

namespace ravelin {
namespace {

/// Nothing but router alert (RFC 2113), no-operation and end-of-list.
bool is_router_alert_only(std::span<const uint8_t> options) noexcept {
    constexpr uint8_t kEnd = 0;
    constexpr uint8_t kNoOperation = 1;
    constexpr uint8_t kRouterAlert = 148;
    while (!options.empty() && options[0] != kEnd) {
        const bool alert = options[0] == kRouterAlert && options.size() >= 4 && options[1] == 4;
        if (!alert && options[0] != kNoOperation) return false;
        options = options.subspan(alert ? 4 : 1);
    }
    return true;
}

/// A client that has no address yet asks for one (RFC 2131 4.1).
bool is_dhcp_request(std::span<const uint8_t> upper, const Headers& headers) noexcept {
    return headers.protocol == ip_protocol::kUdp && upper.size() >= 4 && !headers.is_fragment &&
           load_be32(&upper[0]) == (68U << 16 | 67U);
}

/// Messages that a host without an address sends: router and neighbour solicitation (RFC 4861 4.1,
/// 4.3), reports and done of multicast listener discovery (RFC 3590).
bool may_be_unspecified(std::span<const uint8_t> upper, const Headers& headers) noexcept {
    if (headers.protocol != ip_protocol::kIcmpv6 || headers.is_fragment || upper.empty()) {
        return false;
    }
    const uint8_t type = upper[0];
    return type == 131 || type == 132 || type == 133 || type == 135 || type == 143;
}

DropReason check_ipv4(const Ipv4& ip, std::span<const uint8_t> upper, const ParseOptions& options,
                      const Headers& headers) noexcept {
    if (options.refuse_ipv4_options && !ip.options().empty() &&
        !(ip.protocol() == ip_protocol::kIgmp && is_router_alert_only(ip.options()))) {
        return DropReason::Ipv4Options;
    }
    if (options.refuse_ttl_zero && ip.ttl() == 0) return DropReason::TtlExpired;
    if (!options.refuse_martians) return DropReason::None;
    return check_martian_ipv4(ip.source(), ip.destination(), is_dhcp_request(upper, headers));
}

DropReason parse_ipv4(std::span<const uint8_t> packet, const ParseOptions& options,
                      bool l4_checksum_good, Headers& headers) noexcept {
    const auto ip = Ipv4::parse(packet);
    if (!ip) return DropReason::Ipv4Malformed;
    if (!ip->is_checksum_good()) return DropReason::Ipv4Checksum;
    const uint16_t length = ip->total_length();
    if (length < ip->header_length()) return DropReason::Ipv4Malformed;
    if (length > packet.size()) return DropReason::IpTruncated;
    packet = packet.first(length);
    headers.ip_length = length;
    headers.ttl = ip->ttl();
    headers.protocol = ip->protocol();
    headers.l4_offset = static_cast<uint16_t>(headers.l3_offset + ip->header_length());
    headers.l4_length = static_cast<uint32_t>(length - ip->header_length());
    headers.fragment_offset = ip->fragment_offset();
    headers.is_fragment = ip->more_fragments() || headers.fragment_offset != 0;
    if (headers.is_fragment) headers.fragment_data = headers.l4_offset;
    const auto upper = packet.subspan(ip->header_length());
    const DropReason reason = check_ipv4(*ip, upper, options, headers);
    if (reason != DropReason::None || headers.is_fragment) return reason;
    return parse_transport(packet, options, l4_checksum_good, headers);
}

/// Extension headers; `packet` is trimmed.
DropReason parse_chain(const Ipv6& ip, std::span<const uint8_t> packet, bool refuse_routing_header,
                       ExtensionChain& chain, Headers& headers) noexcept {
    chain.protocol = ip.next_header();
    DropReason reason = DropReason::None;
    if (is_extension_header(ip.next_header())) {
        // RFC 2675 3: the true length stands in a hop-by-hop option.
        if (ip.payload_length() == 0 && ip.next_header() == ip_protocol::kHopByHop) {
            return DropReason::Ipv6Jumbogram;
        }
        reason = walk_extension_headers(ip.next_header(), packet.subspan(Ipv6::kLength),
                                        refuse_routing_header, chain);
        if (reason != DropReason::None) return reason;
    }
    headers.protocol = chain.protocol;
    headers.l4_offset = static_cast<uint16_t>(headers.l3_offset + Ipv6::kLength + chain.length);
    headers.l4_length = static_cast<uint32_t>(packet.size() - Ipv6::kLength - chain.length);
    headers.is_fragment = chain.is_fragment;
    headers.fragment_offset = chain.fragment_offset;
    if (chain.is_fragment) {
        headers.fragment_data =
            static_cast<uint16_t>(headers.l3_offset + Ipv6::kLength + chain.fragment_data);
    }
    return reason;
}

DropReason parse_ipv6(std::span<const uint8_t> packet, const ParseOptions& options,
                      bool l4_checksum_good, Headers& headers) noexcept {
    const auto ip = Ipv6::parse(packet);
    if (!ip) return DropReason::Ipv6Malformed;
    const size_t length = Ipv6::kLength + ip->payload_length();
    if (length > packet.size()) return DropReason::IpTruncated;
    packet = packet.first(length);
    headers.ip_length = static_cast<uint32_t>(length);
    headers.ttl = ip->hop_limit();
    ExtensionChain chain;
    DropReason reason = parse_chain(*ip, packet, options.refuse_routing_header, chain, headers);
    if (reason != DropReason::None) return reason;
    if (options.refuse_ttl_zero && ip->hop_limit() == 0) return DropReason::TtlExpired;
    if (options.refuse_martians) {
        const auto upper = packet.last(headers.l4_length);
        reason =
            check_martian_ipv6(ip->source(), ip->destination(), may_be_unspecified(upper, headers));
        if (reason != DropReason::None) return reason;
    }
    if (headers.is_fragment) return DropReason::None;
    reason = parse_transport(packet, options, l4_checksum_good, headers);
    // RFC 6980 5 means atomic fragments too.
    const bool discovery =
        headers.protocol == ip_protocol::kIcmpv6 && is_neighbour_discovery(headers.icmp_type);
    if (reason == DropReason::None && chain.is_atomic && discovery && options.refuse_martians)
        return DropReason::NdFragmented;
    return reason;
}

}  // namespace

DropReason parse_any(std::span<const uint8_t> frame, const ParseOptions& options,
                     bool l4_checksum_good, Headers& headers) noexcept {
    headers = Headers{};
    Ethernet ethernet;
    if (!ethernet.parse(frame)) return DropReason::L2Malformed;
    headers.outer_vlan = ethernet.outer_vlan();
    headers.inner_vlan = ethernet.inner_vlan();
    headers.ether_type = ethernet.ether_type();
    if (ethernet.has_more_tags() || ethernet.outer_vlan() == Ethernet::kReservedVlan ||
        ethernet.inner_vlan() == Ethernet::kReservedVlan) {
        return DropReason::VlanUnsupported;
    }
    const auto packet = frame.subspan(ethernet.payload_offset());
    if (headers.ether_type == ether_type::kIpv4) {
        headers.family = Family::Ipv4;
        headers.l3_offset = ethernet.payload_offset();
        return parse_ipv4(packet, options, l4_checksum_good, headers);
    }
    if (headers.ether_type == ether_type::kIpv6) {
        headers.family = Family::Ipv6;
        headers.l3_offset = ethernet.payload_offset();
        return parse_ipv6(packet, options, l4_checksum_good, headers);
    }
    return DropReason::None;
}

bool is_icmp_error(Family family, uint8_t type) noexcept {
    if (family == Family::Ipv6) return type < 128;
    return family == Family::Ipv4 &&
           (type == 3 || type == 4 || type == 5 || type == 11 || type == 12);
}

bool is_icmp_query(Family family, uint8_t type) noexcept {
    if (family == Family::Ipv6) return type == 128 || type == 129 || type == 139 || type == 140;
    return family == Family::Ipv4 && (type == 0 || type == 8 || (type >= 13 && type <= 18));
}

bool is_untracked_icmp(Family family, uint8_t type) noexcept {
    return family == Family::Ipv6 &&
           ((type >= 130 && type <= 136) || type == 143 || type == 151 || type == 152);
}

}  // namespace ravelin
