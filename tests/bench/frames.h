// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/byteorder.h"
#include "packet/checksum.h"
#include "packet/headers.h"

#include <cstdint>
#include <cstring>

namespace ravelin::bench {

/// What a connection is made of.
/// LongUdpIpv4 is as long as EspInUdpIpv4, whose shortest frame has two lines of memory.
enum class Kind : uint8_t { UdpIpv4, TcpIpv4, UdpIpv6, TcpIpv6, EspInUdpIpv4, LongUdpIpv4 };

[[nodiscard]] constexpr bool is_ipv6(Kind kind) noexcept {
    return kind == Kind::UdpIpv6 || kind == Kind::TcpIpv6;
}
[[nodiscard]] constexpr bool is_tcp(Kind kind) noexcept {
    return kind == Kind::TcpIpv4 || kind == Kind::TcpIpv6;
}

/// Which packet of which connection. The client, who opens it, is on the inside.
struct Place {
    Kind kind = Kind::UdpIpv4;
    uint32_t connection = 0;
    bool from_client = true;
};

/// A TCP header's varying part.
struct Numbers {
    uint32_t sequence = 0;
    uint32_t ack = 0;
    uint8_t flags = 0;
};

inline constexpr uint32_t kIp = 14;
inline constexpr uint32_t kClientIsn = 1'000'000;
inline constexpr uint32_t kServerIsn = 9'000'000;
/// IPv4: 60 bytes of frame, 64 with the check sum that only a wire sees.
inline constexpr uint32_t kTcpData = 6;
inline constexpr uint32_t kUdpData = 18;
inline constexpr uint32_t kEspData = 24;  ///< the shortest there is, in a frame of 66 bytes

namespace detail {

/// Number `connection` in 10/8 or 2001:db8::/32; all servers are one.
inline void write_addresses(uint8_t* to, const Place& place) noexcept {
    uint8_t* const client = place.from_client ? to : to + (is_ipv6(place.kind) ? 16 : 4);
    uint8_t* const server = place.from_client ? to + (is_ipv6(place.kind) ? 16 : 4) : to;
    if (is_ipv6(place.kind)) {
        std::memset(to, 0, 32);
        store_be32(client, 0x20010db8);
        store_be32(client + 12, place.connection + 1);
        store_be32(server, 0x20010db8);
        store_be32(server + 4, 0x000b0000);
        server[15] = 20;
    } else {
        store_be32(client, 0x0a000000 | (place.connection & 0xffffff));
        store_be32(server, 0xc0000214);
    }
}

}  // namespace detail

/// Ethernet, IP and the ports; returns where L4 begins. `upper` is its length, `protocol` its
/// number, `fragment` the IPv4 field of that name.
inline uint8_t* write_ip(uint8_t* frame, const Place& place, uint8_t protocol, uint32_t upper,
                         uint16_t fragment = 0) noexcept {
    std::memcpy(frame, place.from_client ? "\2\0\0\0\0\2\2\0\0\0\0\1" : "\2\0\0\0\0\1\2\0\0\0\0\2",
                12);
    uint8_t* const ip = frame + kIp;
    if (is_ipv6(place.kind)) {
        store_be16(frame + 12, 0x86dd);
        store_be32(ip, 0x60000000);
        store_be16(ip + 4, static_cast<uint16_t>(upper));
        ip[6] = protocol;
        ip[7] = 64;
        detail::write_addresses(ip + 8, place);
        return ip + 40;
    }
    store_be16(frame + 12, 0x0800);
    store_be16(ip, 0x4500);
    store_be16(ip + 2, static_cast<uint16_t>(20 + upper));
    store_be16(ip + 4, static_cast<uint16_t>(place.connection));
    store_be16(ip + 6, fragment);
    ip[8] = 64;
    ip[9] = protocol;
    store_be16(ip + 10, 0);
    detail::write_addresses(ip + 12, place);
    store_be16(ip + 10, checksum_of(checksum_sum(ip, 20)));
    return ip + 20;
}

inline void write_l4_checksum(const uint8_t* frame, const Place& place, uint8_t* l4,
                              uint8_t protocol, uint32_t upper, uint8_t* field) noexcept {
    const uint64_t pseudo = is_ipv6(place.kind)
                                ? checksum_pseudo_ipv6(frame + kIp + 8, protocol, upper)
                                : checksum_pseudo_ipv4(frame + kIp + 12, protocol, upper);
    store_be16(field, 0);
    store_be16(field, checksum_of(checksum_add(pseudo, checksum_sum(l4, upper))));
}

/// One packet; returns the frame's length.
inline uint32_t write_frame(uint8_t* frame, const Place& place, const Numbers& numbers) noexcept {
    const bool tcp = is_tcp(place.kind);
    const bool bare = (numbers.flags & (tcp_flag::kSyn | tcp_flag::kPsh)) != tcp_flag::kPsh;
    const bool longer = place.kind == Kind::EspInUdpIpv4 || place.kind == Kind::LongUdpIpv4;
    const uint32_t data = tcp ? (bare ? 0 : kTcpData) : (longer ? kEspData : kUdpData);
    const uint32_t upper = (tcp ? 20 : 8) + data;
    const uint8_t protocol = tcp ? ip_protocol::kTcp : ip_protocol::kUdp;
    uint8_t* const l4 = write_ip(frame, place, protocol, upper);
    const auto client_port = static_cast<uint16_t>(32768 + place.connection % 16384);
    const uint16_t server_port = tcp ? 443 : 4500;
    store_be16(l4, place.from_client ? client_port : server_port);
    store_be16(l4 + 2, place.from_client ? server_port : client_port);
    std::memset(l4 + 4, 0, upper - 4);
    if (tcp) {
        store_be32(l4 + 4, numbers.sequence);
        store_be32(l4 + 8, numbers.ack);
        l4[12] = 0x50;
        l4[13] = numbers.flags;
        store_be16(l4 + 14, 0xffff);
    } else {
        store_be16(l4 + 4, static_cast<uint16_t>(upper));
    }
    if (place.kind == Kind::EspInUdpIpv4) {
        store_be32(l4 + 8, (place.from_client ? 0x10000000 : 0x20000000) + place.connection);
        store_be32(l4 + 12, numbers.sequence);
    }
    write_l4_checksum(frame, place, l4, protocol, upper, l4 + (tcp ? 16 : 6));
    return static_cast<uint32_t>(l4 - frame) + upper;
}

/// The numbers of a TCP connection's opening, step 0 to 2; of UDP only who sends matters.
inline Numbers opening_numbers(uint32_t step) noexcept {
    using namespace tcp_flag;
    switch (step) {
        case 0:
            return {kClientIsn, 0, kSyn};
        case 1:
            return {kServerIsn, kClientIsn + 1, kSyn | kAck};
        default:
            return {kClientIsn + 1, kServerIsn + 1, kAck};
    }
}

/// The numbers of data: each side sends one segment per round and acknowledges the other's of the
/// round before, so that no packet needs to know what was sent last.
inline Numbers data_numbers(bool from_client, uint32_t round) noexcept {
    const uint32_t sent = round * kTcpData + 1;
    return {(from_client ? kClientIsn : kServerIsn) + sent,
            (from_client ? kServerIsn : kClientIsn) + sent, tcp_flag::kAck | tcp_flag::kPsh};
}

}  // namespace ravelin::bench
