// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "packet/headers.h"

#include <arpa/inet.h>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ravelin::testing {

using Bytes = std::vector<uint8_t>;

template <class Range>
void append(Bytes& out, const Range& bytes) {
    out.insert(out.end(), bytes.begin(), bytes.end());
}

inline void put16(Bytes& out, size_t at, uint16_t value) {
    out.at(at) = static_cast<uint8_t>(value >> 8);
    out.at(at + 1) = static_cast<uint8_t>(value);
}

inline void put32(Bytes& out, size_t at, uint32_t value) {
    put16(out, at, static_cast<uint16_t>(value >> 16));
    put16(out, at + 2, static_cast<uint16_t>(value));
}

inline void append16(Bytes& out, size_t value) {
    out.resize(out.size() + 2);
    put16(out, out.size() - 2, static_cast<uint16_t>(value));
}

/// Zeros up to a multiple of `unit`, a power of two.
inline Bytes padded(Bytes bytes, size_t unit) {
    bytes.resize((bytes.size() + unit - 1) & ~(unit - 1));
    return bytes;
}

/// An IPv4 or IPv6 address in network order; a bad one ends the test.
inline Bytes address_bytes(std::string_view text) {
    const bool v6 = text.find(':') != std::string_view::npos;
    Bytes out(v6 ? 16 : 4);
    if (inet_pton(v6 ? AF_INET6 : AF_INET, std::string{text}.c_str(), out.data()) != 1)
        std::abort();
    return out;
}

/// CRC32c bit by bit (RFC 9260 appendix A), as SCTP writes it: lowest byte first.
inline uint32_t sctp_checksum(std::span<const uint8_t> bytes) {
    uint32_t crc = ~0U;
    for (const uint8_t byte : bytes) {
        crc ^= byte;
        for (int bit = 0; bit < 8; ++bit)
            crc = (crc & 1) != 0 ? crc >> 1 ^ 0x82f63b78U : crc >> 1;
    }
    return __builtin_bswap32(~crc);
}

/// The plain loop of RFC 1071 4.1.
inline uint16_t internet_checksum(std::span<const uint8_t> bytes) {
    uint32_t sum = 0;
    for (size_t i = 0; i < bytes.size(); ++i) {
        sum += (i & 1) != 0 ? bytes[i] : static_cast<uint32_t>(bytes[i]) << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return static_cast<uint16_t>(~sum);
}

/// Offset of the checksum in the L4 header, 0 for protocols that have none here.
inline size_t checksum_offset(uint8_t protocol) {
    switch (protocol) {
        case ip_protocol::kTcp:
            return 16;
        case ip_protocol::kUdp:
            return 6;
        case ip_protocol::kIcmp:
        case ip_protocol::kIcmpv6:
            return 2;
        default:
            return 0;
    }
}

/// With the pseudo header, but for ICMP of IPv4, which has none.
inline uint16_t transport_checksum(uint8_t protocol, const Bytes& source, const Bytes& destination,
                                   std::span<const uint8_t> covered) {
    Bytes all;
    if (protocol != ip_protocol::kIcmp) {
        append(all, source);
        append(all, destination);
        append16(all, covered.size());
        append16(all, protocol);
    }
    append(all, covered);
    const uint16_t sum = internet_checksum(all);
    return protocol == ip_protocol::kUdp && sum == 0 ? 0xffff : sum;
}

/// Where the IP header starts: behind Ethernet and any tags, or at 0 when there is no Ethernet
/// (the builder's own MAC addresses start with 02, no IP version).
inline size_t ip_offset(const Bytes& frame) {
    if (frame.empty() || frame[0] >> 4 == 4 || frame[0] >> 4 == 6) return 0;
    for (size_t at = 12;; at += 4) {
        const uint32_t type = frame.at(at) * 256U + frame.at(at + 1);
        if (type != 0x8100 && type != 0x88a8 && type != 0x9100) return at + 2;
    }
}

}  // namespace ravelin::testing
