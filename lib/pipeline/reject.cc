// SPDX-License-Identifier: BSD-3-Clause
#include "pipeline/reject.h"

#include "base/byteorder.h"
#include "conntrack/tcp_tracker.h"
#include "packet/checksum.h"
#include "packet/headers.h"

#include <algorithm>
#include <cstring>

namespace ravelin {

namespace {

constexpr uint8_t kHops = 64;
constexpr uint32_t kIpv4Header = 20;
constexpr uint32_t kIpv6Header = 40;
constexpr uint32_t kIcmpHeader = 8;
constexpr uint32_t kTcpHeader = 20;
/// As much of the packet as fits is quoted (RFC 1812 4.3.2.3, RFC 4443 3.1).
constexpr uint32_t kLongestIpv4 = 576;
constexpr uint32_t kLongestIpv6 = 1280;

uint32_t ip_header_length(const Packet& packet) noexcept {
    return packet.headers.family == Family::Ipv4 ? kIpv4Header : kIpv6Header;
}

/// Ethernet and VLAN tags, back to where they came from.
void write_l2(const Packet& packet, uint8_t* out) noexcept {
    constexpr size_t kMac = 6;
    const uint8_t* from = packet.frame.data;
    std::memcpy(out, from, packet.headers.l3_offset);
    std::memcpy(out, from + kMac, kMac);
    std::memcpy(out + kMac, from, kMac);
}

/// The IP header of an answer with `payload` bytes behind it.
void write_ip(const Packet& packet, uint8_t protocol, uint32_t payload, uint8_t* out) noexcept {
    const uint8_t* from = packet.frame.data + packet.headers.l3_offset;
    if (packet.headers.family == Family::Ipv4) {
        std::memset(out, 0, kIpv4Header);
        out[0] = 0x45;
        store_be16(out + 2, static_cast<uint16_t>(kIpv4Header + payload));
        out[6] = 0x40;  // never fragmented, so that it needs no identification (RFC 6864 4.1)
        out[8] = kHops;
        out[9] = protocol;
        std::memcpy(out + 12, from + 16, 4);
        std::memcpy(out + 16, from + 12, 4);
        store_be16(out + 10, checksum_of(checksum_sum(out, kIpv4Header)));
        return;
    }
    std::memset(out, 0, kIpv6Header);
    out[0] = 0x60;
    store_be16(out + 4, static_cast<uint16_t>(payload));
    out[6] = protocol;
    out[7] = kHops;
    std::memcpy(out + 8, from + 24, 16);
    std::memcpy(out + 24, from + 8, 16);
}

uint64_t pseudo_header(const uint8_t* ip, Family family, uint8_t protocol,
                       uint32_t length) noexcept {
    return family == Family::Ipv4 ? checksum_pseudo_ipv4(ip + 12, protocol, length)
                                  : checksum_pseudo_ipv6(ip + 8, protocol, length);
}

/// RFC 9293 3.10.7.1: in the place that the segment itself names.
void write_reset(const Packet& packet, const uint8_t* ip, uint8_t* out) noexcept {
    const Headers& headers = packet.headers;
    const TcpSegment segment = TcpSegment::read(headers, packet.frame.data + headers.l4_offset);
    std::memset(out, 0, kTcpHeader);
    store_be16(out, headers.destination_port);
    store_be16(out + 2, headers.source_port);
    if ((segment.flags & tcp_flag::kAck) != 0) {
        store_be32(out + 4, segment.ack);
        out[13] = tcp_flag::kRst;
    } else {
        const uint32_t flags = ((segment.flags & tcp_flag::kSyn) != 0 ? 1U : 0U) +
                               ((segment.flags & tcp_flag::kFin) != 0 ? 1U : 0U);
        store_be32(out + 8, segment.sequence + segment.payload_length + flags);
        out[13] = tcp_flag::kRst | tcp_flag::kAck;
    }
    out[12] = kTcpHeader / 4 << 4;
    const uint64_t sum =
        checksum_add(checksum_sum(out, kTcpHeader),
                     pseudo_header(ip, headers.family, ip_protocol::kTcp, kTcpHeader));
    store_be16(out + 16, checksum_of(sum));
}

/// Port unreachable, and as much of the packet as it may quote. Returns its length.
uint32_t write_unreachable(const Packet& packet, uint32_t quoted, const uint8_t* ip,
                           uint8_t* out) noexcept {
    const bool ipv4 = packet.headers.family == Family::Ipv4;
    const uint32_t length = kIcmpHeader + quoted;
    std::memset(out, 0, kIcmpHeader);
    out[0] = ipv4 ? 3 : 1;
    out[1] = ipv4 ? 3 : 4;
    std::memcpy(out + kIcmpHeader, packet.frame.data + packet.headers.l3_offset, quoted);
    uint64_t sum = checksum_sum(out, length);
    if (!ipv4)
        sum = checksum_add(sum, pseudo_header(ip, Family::Ipv6, ip_protocol::kIcmpv6, length));
    store_be16(out + 2, checksum_of(sum));
    return length;
}

}  // namespace

bool may_be_rejected(const Packet& packet) noexcept {
    const Headers& headers = packet.headers;
    if (packet.is_icmp_error || packet.from_fragments) return false;
    if (headers.protocol == ip_protocol::kTcp && (headers.tcp_flags & tcp_flag::kRst) != 0)
        return false;
    // Broadcast and multicast, of Ethernet and so of IP.
    return (packet.frame.data[0] & 1) == 0;
}

uint32_t build_rejection(const Packet& packet, std::span<uint8_t, kLongestRejection> out) noexcept {
    const Headers& headers = packet.headers;
    uint8_t* const ip = out.data() + headers.l3_offset;
    const uint32_t ip_header = ip_header_length(packet);
    uint8_t* const payload = ip + ip_header;
    write_l2(packet, out.data());
    if (headers.protocol == ip_protocol::kTcp) {
        write_ip(packet, ip_protocol::kTcp, kTcpHeader, ip);
        write_reset(packet, ip, payload);
        return headers.l3_offset + ip_header + kTcpHeader;
    }
    const bool ipv4 = headers.family == Family::Ipv4;
    const uint32_t longest = (ipv4 ? kLongestIpv4 : kLongestIpv6) - ip_header - kIcmpHeader;
    const uint32_t quoted = std::min(headers.ip_length, longest);
    write_ip(packet, ipv4 ? ip_protocol::kIcmp : ip_protocol::kIcmpv6, kIcmpHeader + quoted, ip);
    return headers.l3_offset + ip_header + write_unreachable(packet, quoted, ip, payload);
}

}  // namespace ravelin
