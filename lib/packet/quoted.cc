// SPDX-License-Identifier: BSD-3-Clause
#include "base/byteorder.h"
#include "packet/icmp.h"
#include "packet/ipv4.h"
#include "packet/ipv6.h"
#include "packet/parse.h"
#include "packet/transport.h"

#include <algorithm>

namespace ravelin {
namespace {

/// RFC 792: the first 64 bits of what was sent.
constexpr size_t kQuotedBytes = 8;
/// Ports, the least that netfilter asks for.
constexpr size_t kPorts = 4;

/// IPv4 header; fills everything below the upper layer. False: can't be used.
bool read_ipv4(std::span<const uint8_t> quote, const QuoteOptions& options,
               Headers& headers) noexcept {
    const auto ip = Ipv4::parse(quote);
    if (!ip || ip->fragment_offset() != 0) return false;
    if (options.verify_ip_checksum && !ip->is_checksum_good()) return false;
    headers.protocol = ip->protocol();
    headers.ttl = ip->ttl();
    headers.ip_length = ip->total_length();
    headers.l4_offset = ip->header_length();
    headers.is_fragment = ip->more_fragments();
    return true;
}

/// The same for IPv6, whose chain has to lie within the quote.
bool read_ipv6(std::span<const uint8_t> quote, Headers& headers) noexcept {
    const auto ip = Ipv6::parse(quote);
    if (!ip) return false;
    ExtensionChain chain{.protocol = ip->next_header()};
    if (is_extension_header(ip->next_header())) {
        // Whether a routing header may be there was judged when the packet itself went by.
        const DropReason reason =
            walk_extension_headers(ip->next_header(), quote.subspan(Ipv6::kLength), false, chain);
        if (reason != DropReason::None || chain.fragment_offset != 0) return false;
        if (is_extension_header(chain.protocol)) return false;  // a first fragment that is cut
    }
    headers.protocol = chain.protocol;
    headers.ttl = ip->hop_limit();
    headers.ip_length = static_cast<uint32_t>(Ipv6::kLength + ip->payload_length());
    headers.l4_offset = static_cast<uint16_t>(Ipv6::kLength + chain.length);
    headers.is_fragment = chain.is_fragment;
    return true;
}

bool read_icmp(std::span<const uint8_t> upper, Headers& headers) noexcept {
    const auto icmp = Icmp::parse(upper);
    const bool v6 = headers.protocol == ip_protocol::kIcmpv6;
    if (!icmp || v6 != (headers.family == Family::Ipv6)) return false;
    // RFC 1122 3.2.2, RFC 4443 2.4 (e.1): no error is sent about an error.
    if (is_icmp_error(headers.family, icmp->type())) return false;
    headers.icmp_type = icmp->type();
    headers.icmp_code = icmp->code();
    headers.l4_header_length = Icmp::kLength;
    if (is_icmp_query(headers.family, icmp->type())) {
        headers.source_port = icmp->identifier();
        headers.destination_port = icmp->type_and_code();
    }
    return true;
}

/// Ports, which stand in the same place for TCP, UDP and SCTP, and what else is there.
void read_ports(std::span<const uint8_t> upper, Headers& headers, uint32_t& tcp_sequence) noexcept {
    headers.source_port = load_be16(&upper[0]);
    headers.destination_port = load_be16(&upper[2]);
    if (headers.protocol != ip_protocol::kTcp) return;
    if (upper.size() >= kQuotedBytes) tcp_sequence = load_be32(&upper[4]);
    if (upper.size() > 13) headers.tcp_flags = upper[13];
}

/// `upper` is as much of the upper layer as was quoted.
bool read_upper(std::span<const uint8_t> upper, const QuoteOptions& options, Headers& headers,
                uint32_t& tcp_sequence) noexcept {
    switch (headers.protocol) {
        case ip_protocol::kTcp:
        case ip_protocol::kUdp:
        case ip_protocol::kSctp:
            if (upper.size() < std::max<size_t>(options.minimum_l4_bytes, kPorts)) return false;
            read_ports(upper, headers, tcp_sequence);
            return true;
        case ip_protocol::kIcmp:
        case ip_protocol::kIcmpv6:
            return read_icmp(upper, headers);
        default:
            break;
    }
    // Without ports only addresses and protocol count, which netfilter takes with no byte of the
    // upper layer. A whole packet may be shorter than eight bytes.
    const size_t wanted = options.minimum_l4_bytes < kQuotedBytes
                              ? 0
                              : std::min<size_t>(options.minimum_l4_bytes, headers.l4_length);
    if (upper.size() < wanted) return false;
    // What is cut may miss its SPI; GRE of version 1 without PPP isn't GRE at all (parse()).
    const bool readable = read_spi(headers.protocol, upper, headers.spi);
    if (headers.protocol != ip_protocol::kGre) return true;
    headers.destination_port = static_cast<uint16_t>(headers.spi);
    return readable || upper.size() < kQuotedBytes;
}

}  // namespace

DropReason parse_quoted(std::span<const uint8_t> quote, Family family, const QuoteOptions& options,
                        Headers& headers, uint32_t& tcp_sequence) noexcept {
    headers = Headers{};
    headers.family = family;
    tcp_sequence = 0;
    const bool proven = family == Family::Ipv6   ? read_ipv6(quote, headers)
                        : family == Family::Ipv4 ? read_ipv4(quote, options, headers)
                                                 : false;
    if (!proven) return DropReason::IcmpErrorMalformed;
    auto upper = quote.subspan(headers.l4_offset);
    const bool has_length = headers.ip_length >= headers.l4_offset;
    headers.l4_length =
        has_length ? headers.ip_length - headers.l4_offset : static_cast<uint32_t>(upper.size());
    // Some stacks quote the length that they keep, not the one that they got; netfilter doesn't
    // look at it.
    if (options.verify_ip_checksum) {
        if (!has_length) return DropReason::IcmpErrorMalformed;
        upper = upper.first(std::min<size_t>(upper.size(), headers.l4_length));
    }
    return read_upper(upper, options, headers, tcp_sequence) ? DropReason::None
                                                             : DropReason::IcmpErrorMalformed;
}

}  // namespace ravelin
