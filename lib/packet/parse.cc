// SPDX-License-Identifier: BSD-3-Clause
#include "packet/parse.h"

#include "base/byteorder.h"
#include "packet/checksum.h"
#include "packet/ethernet.h"
#include "packet/ipv4.h"
#include "packet/martian.h"
#include "packet/parse_any.h"
#include "packet/tcp.h"
#include "packet/udp.h"

namespace ravelin {
namespace {

// The short cut: untagged IPv4 without options, whole, TCP or UDP, nothing wrong with it. Each
// header byte is loaded once, all conditions meet in one branch, and whatever isn't plainly good
// goes the long way, which finds the reason.

constexpr size_t kIp = Ethernet::kHeaderLength;
constexpr size_t kUpper = kIp + Ipv4::kMinimumLength;

/// The 20 bytes of an IPv4 header, as they stand in memory (so little-endian).
struct PlainHeader {
    uint64_t first;   // version, type of service, length, id, fragment
    uint64_t second;  // TTL, protocol, checksum, source
    uint32_t destination;

    explicit PlainHeader(const uint8_t* bytes) noexcept
        : first{checksum_detail::load64(bytes)},
          second{checksum_detail::load64(bytes + 8)},
          destination{checksum_detail::load32(bytes + 16)} {}

    [[nodiscard]] uint16_t total_length() const noexcept {
        return __builtin_bswap16(static_cast<uint16_t>(first >> 16));
    }
    [[nodiscard]] uint8_t ttl() const noexcept { return static_cast<uint8_t>(second); }
    [[nodiscard]] uint8_t protocol() const noexcept { return static_cast<uint8_t>(second >> 8); }
    [[nodiscard]] uint32_t source() const noexcept { return static_cast<uint32_t>(second >> 32); }
    /// More fragments, or an offset.
    [[nodiscard]] bool is_fragment() const noexcept { return (first & 0xff3f'0000'0000'0000) != 0; }
    [[nodiscard]] bool is_sum_good() const noexcept {
        return checksum_good(checksum_word(first) + checksum_word(second) + destination);
    }
    [[nodiscard]] bool may_be_martian() const noexcept {
        return may_be_martian_ipv4(static_cast<uint8_t>(source()),
                                   static_cast<uint8_t>(destination)) |
               (source() == destination);
    }
    [[nodiscard]] uint64_t pseudo_sum(uint32_t length) const noexcept {
        return (second >> 32) + destination + (static_cast<uint64_t>(protocol()) << 8) +
               __builtin_bswap32(length);
    }
};

/// False: not plain, `headers` may be half written.
inline bool plain_tcp(const uint8_t* upper, uint32_t length, Headers& headers) noexcept {
    if (length < Tcp::kMinimumLength) return false;
    const uint32_t header_length = (upper[12] >> 4U) * 4U;
    headers.l4_header_length = static_cast<uint16_t>(header_length);
    headers.tcp_flags = upper[13];
    return (header_length >= Tcp::kMinimumLength) & (header_length <= length);
}

/// The same; `covered` gets what the checksum covers, 0 when the sender made none.
inline bool plain_udp(const uint8_t* upper, uint32_t length, Headers& headers,
                      uint32_t& covered) noexcept {
    const uint32_t datagram = load_be16(upper + 4);
    headers.l4_header_length = Udp::kLength;
    covered = load_be16(upper + 6) == 0 ? 0 : datagram;
    return (datagram >= Udp::kLength) & (datagram <= length);
}

inline bool parse_plain(std::span<const uint8_t> frame, const ParseOptions& options,
                        bool l4_checksum_good, Headers& headers) noexcept {
    if (frame.size() < kUpper + Udp::kLength) return false;
    const uint8_t* const bytes = frame.data();
    // EtherType, version and header length; type of service between them doesn't matter.
    if ((load_be32(bytes + kIp - 2) & 0xffffff00) != (ether_type::kIpv4 << 16 | 0x4500U)) {
        return false;
    }
    const PlainHeader ip{bytes + kIp};
    const uint32_t total = ip.total_length();
    const bool tcp = ip.protocol() == ip_protocol::kTcp;
    const bool odd = ip.is_fragment() | !ip.is_sum_good() | (total > frame.size() - kIp) |
                     (total < Ipv4::kMinimumLength + Udp::kLength) |
                     (!tcp & (ip.protocol() != ip_protocol::kUdp)) |
                     ((ip.ttl() == 0) & options.refuse_ttl_zero) |
                     (ip.may_be_martian() & options.refuse_martians);
    if (odd) [[unlikely]]
        return false;

    const uint8_t* const upper = bytes + kUpper;
    const uint32_t ports = load_be32(upper);
    const uint32_t length = total - static_cast<uint32_t>(Ipv4::kMinimumLength);
    headers = Headers{.ether_type = ether_type::kIpv4,
                      .family = Family::Ipv4,
                      .protocol = ip.protocol(),
                      .l3_offset = kIp,
                      .l4_offset = kUpper,
                      .ip_length = total,
                      .l4_length = length,
                      .source_port = static_cast<uint16_t>(ports >> 16),
                      .destination_port = static_cast<uint16_t>(ports),
                      .ttl = ip.ttl()};
    uint32_t covered = length;
    const bool plain =
        tcp ? plain_tcp(upper, length, headers) : plain_udp(upper, length, headers, covered);
    if (!plain) [[unlikely]]
        return false;
    if (l4_checksum_good || !options.verify_checksums || covered == 0) return true;
    return checksum_good(ip.pseudo_sum(covered) + checksum_sum(upper, covered));
}

}  // namespace

DropReason parse(std::span<const uint8_t> frame, const ParseOptions& options, bool l4_checksum_good,
                 Headers& headers) noexcept {
    if (parse_plain(frame, options, l4_checksum_good, headers)) [[likely]]
        return DropReason::None;
    return parse_any(frame, options, l4_checksum_good, headers);
}

}  // namespace ravelin
