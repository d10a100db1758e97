// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/byteorder.h"
#include "packet/checksum.h"
#include "packet/ethernet.h"
#include "packet/headers.h"
#include "packet/ipv4.h"
#include "packet/martian.h"
#include "packet/tcp.h"
#include "packet/udp.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace ravelin {

// The short cut: untagged IPv4 without options, whole, TCP or UDP, nothing wrong with it. Each
// header byte is loaded once, and whatever isn't plainly good, whether the options refuse it or
// not, goes the long way, which finds the reason.

namespace plain {

inline constexpr size_t kIp = Ethernet::kHeaderLength;
inline constexpr size_t kUpper = kIp + Ipv4::kMinimumLength;

/// The 20 bytes of an IPv4 header, as they stand in memory (so little-endian).
struct Header {
    uint64_t first;   // version, type of service, length, id, fragment
    uint64_t second;  // TTL, protocol, checksum, source
    uint32_t destination;

    explicit Header(const uint8_t* bytes) noexcept
        : first{checksum_detail::load64(bytes)},
          second{checksum_detail::load64(bytes + 8)},
          destination{checksum_detail::load32(bytes + 16)} {}

    [[nodiscard]] uint8_t ttl() const noexcept { return static_cast<uint8_t>(second); }
    [[nodiscard]] uint8_t protocol() const noexcept { return static_cast<uint8_t>(second >> 8); }
    [[nodiscard]] uint32_t source() const noexcept { return static_cast<uint32_t>(second >> 32); }
    /// In bytes.
    [[nodiscard]] uint16_t fragment_offset() const noexcept {
        return static_cast<uint16_t>(
            (__builtin_bswap16(static_cast<uint16_t>(first >> 48)) & 0x1fffU) * 8);
    }
    /// More fragments, or an offset.
    [[nodiscard]] bool is_fragment() const noexcept { return (first & 0xff3f'0000'0000'0000) != 0; }
    [[nodiscard]] bool is_sum_good() const noexcept {
        // The version makes the sum differ from 0.
        return is_checksum_multiple(checksum_add(checksum_add(first, second), destination));
    }
    [[nodiscard]] bool may_be_martian() const noexcept {
        // Both at once: a branch between them would cost more than the second look-up.
        const int from = may_be_martian_source(static_cast<uint8_t>(source()));
        const int to = is_martian_destination(static_cast<uint8_t>(destination));
        return (from | to) != 0;
    }
    [[nodiscard]] uint64_t pseudo_sum(uint32_t length) const noexcept {
        return (second >> 32) + destination + (second & 0xff00) + __builtin_bswap32(length);
    }
};

inline constexpr size_t kShortest = kUpper + Udp::kLength;

/// True for an untagged frame with an IPv4 header without options.
[[nodiscard]] inline bool has_plain_header(std::span<const uint8_t> frame) noexcept {
    // EtherType, version and header length; the type of service behind them doesn't matter.
    return frame.size() >= kShortest &&
           (load_be32(frame.data() + kIp - 2) >> 8) == (ether_type::kIpv4 << 8 | 0x45U);
}

/// Total length.
[[nodiscard]] inline uint32_t ip_length(std::span<const uint8_t> frame) noexcept {
    return load_be16(frame.data() + kIp + 2);
}

/// Nothing wrong with its lengths, its sum, its addresses.
[[nodiscard]] inline bool is_good(const Header& ip, std::span<const uint8_t> frame) noexcept {
    // Below the shortest packet the difference wraps: one comparison for both ends.
    return ip_length(frame) - (kShortest - kIp) <= frame.size() - kShortest && ip.is_sum_good() &&
           ip.ttl() != 0 && !ip.may_be_martian() && ip.source() != ip.destination;
}

/// What parsing needs of a TCP or UDP header.
struct Upper {
    uint32_t header_length = Udp::kLength;
    uint32_t covered = 0;  ///< bytes that the checksum covers
    uint8_t tcp_flags = 0;
    bool has_checksum = true;
};

/// An IP header, as far as it is told further on.
struct Network {
    uint16_t ether_type = 0;
    Family family = Family::None;
    uint8_t protocol = 0;
    uint8_t ttl = 0;
    uint16_t header_length = 0;
    uint32_t upper_length = 0;  ///< by IP's word, eight bytes at least
};

/// Reads the upper layer and writes what both headers say. False: another protocol, or something
/// wrong.
[[nodiscard]] inline bool read_upper(const uint8_t* frame, const Network& ip, Headers& headers,
                                     Upper& read) noexcept {
    const uint8_t* const upper = frame + kIp + ip.header_length;
    if (ip.protocol == ip_protocol::kUdp) {
        read.covered = load_be16(upper + 4);
        read.has_checksum = load_be16(upper + 6) != 0;
        if (read.covered < Udp::kLength || read.covered > ip.upper_length) return false;
    } else {
        if (ip.protocol != ip_protocol::kTcp || ip.upper_length < Tcp::kMinimumLength) return false;
        read.header_length = (upper[12] >> 4U) * 4U;
        read.covered = ip.upper_length;
        read.tcp_flags = upper[13];
        if (read.header_length < Tcp::kMinimumLength || read.header_length > ip.upper_length)
            return false;
    }
    headers = {.ether_type = ip.ether_type,
               .family = ip.family,
               .protocol = ip.protocol,
               .l3_offset = kIp,
               .l4_offset = static_cast<uint16_t>(kIp + ip.header_length),
               .ip_length = ip.header_length + ip.upper_length,
               .l4_length = ip.upper_length,
               .source_port = load_be16(upper),
               .destination_port = load_be16(upper + 2),
               .l4_header_length = static_cast<uint16_t>(read.header_length),
               .tcp_flags = read.tcp_flags,
               .ttl = ip.ttl};
    return true;
}

/// True if the checksum over the upper layer's first `covered` bytes is good.
[[nodiscard]] inline bool is_short_sum_good(const uint8_t* upper, uint32_t covered,
                                            uint64_t pseudo_sum) noexcept {
    return checksum_good(checksum_add(pseudo_sum, checksum_sum_short(upper, covered)));
}

/// The same where it takes a loop; apart, so that the others don't save registers for it.
[[nodiscard, gnu::noinline]] inline bool is_long_sum_good(const uint8_t* upper, uint32_t covered,
                                                          uint64_t pseudo_sum) noexcept {
    return checksum_good(checksum_add(pseudo_sum, checksum_sum(upper, covered)));
}

[[nodiscard]] inline bool is_upper_sum_good(const uint8_t* upper, uint32_t covered,
                                            uint64_t pseudo_sum) noexcept {
    return covered < kChecksumLong ? is_short_sum_good(upper, covered, pseudo_sum)
                                   : is_long_sum_good(upper, covered, pseudo_sum);
}

}  // namespace plain

/// parse() for nearly every frame. False: it isn't plain, and `headers` may be half written.
[[nodiscard]] inline bool parse_plain(std::span<const uint8_t> frame, bool verify_checksum,
                                      Headers& headers) noexcept {
    using namespace plain;
    if (!has_plain_header(frame)) return false;
    const Header ip{frame.data() + kIp};
    if (ip.is_fragment() || !is_good(ip, frame)) return false;

    Upper read;
    const Network network{
        .ether_type = ether_type::kIpv4,
        .family = Family::Ipv4,
        .protocol = ip.protocol(),
        .ttl = ip.ttl(),
        .header_length = Ipv4::kMinimumLength,
        .upper_length = ip_length(frame) - static_cast<uint32_t>(Ipv4::kMinimumLength)};
    if (!read_upper(frame.data(), network, headers, read)) return false;
    return !verify_checksum || !read.has_checksum ||
           is_upper_sum_good(frame.data() + kUpper, read.covered, ip.pseudo_sum(read.covered));
}

}  // namespace ravelin
