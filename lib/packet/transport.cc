// SPDX-License-Identifier: BSD-3-Clause
#include "packet/transport.h"

#include "base/byteorder.h"
#include "packet/checksum.h"
#include "packet/crc32c.h"
#include "packet/icmp.h"
#include "packet/ipv4.h"
#include "packet/ipv6.h"
#include "packet/tcp.h"
#include "packet/udp.h"

#include <array>

namespace ravelin {
namespace {

constexpr size_t kEspHeader = 8;    // SPI and sequence number, RFC 4303 2
constexpr size_t kAhMinimum = 12;   // RFC 4302 2
constexpr size_t kGreMinimum = 4;   // RFC 2784 2
constexpr size_t kEnhancedGre = 8;  // RFC 2637 4.1
constexpr uint16_t kGrePpp = 0x880b;
constexpr size_t kSctpHeader = 12;  // RFC 9260 3.1

/// Sum of the first `length` bytes of the upper layer and their pseudo header, if there is one.
bool is_sum_good(std::span<const uint8_t> packet, const Headers& headers, size_t length) noexcept {
    const size_t start = static_cast<size_t>(headers.l4_offset - headers.l3_offset);
    const uint64_t sum = checksum_sum(&packet[start], length);
    const auto covered = static_cast<uint32_t>(length);
    if (headers.protocol == ip_protocol::kIcmp) return checksum_good(sum);
    if (headers.family == Family::Ipv4) {
        return checksum_good(checksum_add(
            sum, checksum_pseudo_ipv4(&packet[Ipv4::kSourceOffset], headers.protocol, covered)));
    }
    // With a routing header that has segments left the final destination would count (RFC 8200
    // 8.1); like netfilter's nf_ip6_checksum() this takes the address that stands in the header.
    return checksum_good(checksum_add(
        sum, checksum_pseudo_ipv6(&packet[Ipv6::kSourceOffset], headers.protocol, covered)));
}

DropReason parse_tcp(std::span<const uint8_t> upper, Headers& headers) noexcept {
    const auto tcp = Tcp::parse(upper);
    if (!tcp) return DropReason::L4Malformed;
    headers.source_port = tcp->source_port();
    headers.destination_port = tcp->destination_port();
    headers.l4_header_length = tcp->header_length();
    headers.tcp_flags = tcp->flags();
    return DropReason::None;
}

DropReason parse_icmp(std::span<const uint8_t> upper, const ParseOptions& options,
                      Headers& headers) noexcept {
    // ICMP belongs to IPv4 and ICMPv6 to IPv6; the other way round no host would take it.
    const bool v6 = headers.protocol == ip_protocol::kIcmpv6;
    const auto icmp = Icmp::parse(upper);
    if (!icmp || v6 != (headers.family == Family::Ipv6)) return DropReason::L4Malformed;
    headers.icmp_type = icmp->type();
    headers.icmp_code = icmp->code();
    headers.l4_header_length = Icmp::kLength;
    if (is_icmp_query(headers.family, icmp->type())) {
        headers.source_port = icmp->identifier();
        headers.destination_port = icmp->type_and_code();
    }
    // RFC 4861 6.1 and 7.1: 255 proves that no router has touched it.
    if (v6 && options.refuse_martians && is_neighbour_discovery(icmp->type()) &&
        headers.ttl != 255) {
        return DropReason::NdHopLimit;
    }
    return DropReason::None;
}

/// Whatever has no Internet checksum.
DropReason parse_other(std::span<const uint8_t> upper, Headers& headers) noexcept {
    if (headers.protocol != ip_protocol::kSctp) {
        if (!read_spi(headers.protocol, upper, headers.spi)) return DropReason::L4Malformed;
        // netfilter gre_pkt_to_tuple(): the call id is the key of the destination, and without the
        // PPTP helper nobody knows the source's: each direction is a connection of its own.
        if (headers.protocol == ip_protocol::kGre)
            headers.destination_port = static_cast<uint16_t>(headers.spi);
        return DropReason::None;
    }
    if (upper.size() < kSctpHeader) return DropReason::L4Malformed;
    headers.source_port = load_be16(&upper[0]);
    headers.destination_port = load_be16(&upper[2]);
    headers.l4_header_length = kSctpHeader;
    return DropReason::None;
}

/// RFC 9260 6.8 and appendix A: CRC32c over the packet with the sum's own field as zero. It stands
/// there with its lowest byte first.
bool is_crc_good(std::span<const uint8_t> packet) noexcept {
    constexpr size_t kField = 8;
    constexpr std::array<uint8_t, 4> kZero{};
    uint32_t crc = crc32c(~0U, packet.first(kField));
    crc = crc32c(crc, kZero);
    crc = ~crc32c(crc, packet.subspan(kSctpHeader));
    return load_be32(&packet[kField]) == __builtin_bswap32(crc);
}

}  // namespace

bool read_spi(uint8_t protocol, std::span<const uint8_t> upper, uint32_t& spi) noexcept {
    spi = 0;
    switch (protocol) {
        case ip_protocol::kEsp:
            if (upper.size() < kEspHeader) return false;
            spi = load_be32(&upper[0]);
            return true;
        case ip_protocol::kAh:
            if (upper.size() < kAhMinimum) return false;
            spi = load_be32(&upper[4]);
            return true;
        case ip_protocol::kGre: {
            if (upper.size() < kGreMinimum) return false;
            if ((upper[1] & 7) != 1) return true;
            // Version 1 carries PPP and nothing else (RFC 2637 4.1).
            if (upper.size() < kEnhancedGre || load_be16(&upper[2]) != kGrePpp) return false;
            spi = load_be16(&upper[6]);
            return true;
        }
        default:
            return true;
    }
}

DropReason parse_transport(std::span<const uint8_t> packet, const ParseOptions& options,
                           bool l4_checksum_good, Headers& headers) noexcept {
    const auto upper = packet.subspan(static_cast<size_t>(headers.l4_offset - headers.l3_offset));
    DropReason reason = DropReason::None;
    size_t covered = upper.size();
    switch (headers.protocol) {
        case ip_protocol::kTcp:
            reason = parse_tcp(upper, headers);
            break;
        case ip_protocol::kUdp: {
            const auto udp = Udp::parse(upper);
            if (!udp) return DropReason::L4Malformed;
            headers.source_port = udp->source_port();
            headers.destination_port = udp->destination_port();
            headers.l4_header_length = Udp::kLength;
            // No checksum is no error, over IPv6 neither: netfilter's udp_error() and tunnels
            // (RFC 6935) take it.
            if (udp->checksum() == 0) return DropReason::None;
            covered = udp->length();
            break;
        }
        case ip_protocol::kIcmp:
        case ip_protocol::kIcmpv6:
            reason = parse_icmp(upper, options, headers);
            break;
        case ip_protocol::kSctp:
            reason = parse_other(upper, headers);
            if (reason != DropReason::None || l4_checksum_good || !options.verify_checksums)
                return reason;
            return is_crc_good(upper) ? DropReason::None : DropReason::L4Checksum;
        default:
            return parse_other(upper, headers);
    }
    if (reason != DropReason::None || l4_checksum_good || !options.verify_checksums) return reason;
    return is_sum_good(packet, headers, covered) ? DropReason::None : DropReason::L4Checksum;
}

}  // namespace ravelin
