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

// The short cut: untagged IPv4 without options, whole, TCP or UDP, or a fragment, nothing wrong
// with it. Each header byte is loaded once, and whatever isn't plainly good, whether the options
// refuse it or not, goes the long way, which finds the reason.

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

    [[nodiscard]] uint8_t ttl() const noexcept { return static_cast<uint8_t>(second); }
    [[nodiscard]] uint8_t protocol() const noexcept { return static_cast<uint8_t>(second >> 8); }
    [[nodiscard]] uint32_t source() const noexcept { return static_cast<uint32_t>(second >> 32); }
    /// More fragments, or an offset.
    [[nodiscard]] bool is_fragment() const noexcept { return (first & 0xff3f'0000'0000'0000) != 0; }
    /// In bytes.
    [[nodiscard]] uint16_t fragment_offset() const noexcept {
        return static_cast<uint16_t>(
            (__builtin_bswap16(static_cast<uint16_t>(first >> 48)) & 0x1fffU) * 8);
    }
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

constexpr Headers kPlain{.ether_type = ether_type::kIpv4,
                         .family = Family::Ipv4,
                         .l3_offset = kIp,
                         .l4_offset = kUpper,
                         .l4_header_length = Udp::kLength};

/// Neither a number of bytes that a checksum could cover.
constexpr uint32_t kNotPlain = UINT32_MAX;
constexpr uint32_t kNoChecksum = 0;

/// How many bytes the checksum of TCP or UDP covers, or one of the constants above. `headers` may
/// be half written when it isn't plain.
inline uint32_t parse_plain(std::span<const uint8_t> frame, Headers& headers) noexcept {
    constexpr size_t kShortest = kUpper + Udp::kLength;
    if (frame.size() < kShortest) return kNotPlain;
    const uint8_t* const bytes = frame.data();
    // EtherType, version and header length; the type of service behind them doesn't matter.
    if ((load_be32(bytes + kIp - 2) >> 8) != (ether_type::kIpv4 << 8 | 0x45U)) return kNotPlain;
    const PlainHeader ip{bytes + kIp};
    const uint32_t total = load_be16(bytes + kIp + 2);
    // Below the shortest packet the difference wraps: one comparison for both ends.
    if (total - (kShortest - kIp) > frame.size() - kShortest) return kNotPlain;
    if (!ip.is_sum_good() || ip.ttl() == 0) return kNotPlain;
    if (ip.may_be_martian() || ip.source() == ip.destination) return kNotPlain;

    const uint8_t* const upper = bytes + kUpper;
    const uint32_t length = total - static_cast<uint32_t>(Ipv4::kMinimumLength);
    headers = kPlain;
    headers.protocol = ip.protocol();
    headers.ip_length = total;
    headers.l4_length = length;
    headers.ttl = ip.ttl();
    if (ip.is_fragment()) [[unlikely]] {
        headers.l4_header_length = 0;
        headers.is_fragment = true;
        headers.fragment_offset = ip.fragment_offset();
        headers.fragment_data = kUpper;
        return kNoChecksum;
    }
    headers.source_port = load_be16(upper);
    headers.destination_port = load_be16(upper + 2);
    if (ip.protocol() == ip_protocol::kUdp) {
        const uint32_t datagram = load_be16(upper + 4);
        if (datagram < Udp::kLength || datagram > length) return kNotPlain;
        return load_be16(upper + 6) == 0 ? kNoChecksum : datagram;
    }
    if (ip.protocol() != ip_protocol::kTcp || length < Tcp::kMinimumLength) return kNotPlain;
    const uint32_t header_length = (upper[12] >> 4U) * 4U;
    if (header_length < Tcp::kMinimumLength || header_length > length) return kNotPlain;
    headers.l4_header_length = static_cast<uint16_t>(header_length);
    headers.tcp_flags = upper[13];
    return length;
}

/// The end of parse() for packets whose sum takes a loop; apart, so that the others don't save
/// registers for it.
[[gnu::noinline]] DropReason finish_long(std::span<const uint8_t> frame,
                                         const ParseOptions& options, uint32_t covered,
                                         uint64_t pseudo_sum, Headers& headers) noexcept {
    const uint64_t sum = checksum_sum(frame.data() + kUpper, covered);
    if (checksum_good(checksum_add(pseudo_sum, sum))) [[likely]]
        return DropReason::None;
    return parse_any(frame, options, false, headers);
}

}  // namespace

DropReason parse(std::span<const uint8_t> frame, const ParseOptions& options, bool l4_checksum_good,
                 Headers& headers) noexcept {
    const uint32_t covered = parse_plain(frame, headers);
    if (covered != kNotPlain) [[likely]] {
        if (l4_checksum_good || covered == kNoChecksum || !options.verify_checksums) {
            return DropReason::None;
        }
        const uint64_t pseudo_sum = PlainHeader{frame.data() + kIp}.pseudo_sum(covered);
        if (covered >= kChecksumLong) {
            return finish_long(frame, options, covered, pseudo_sum, headers);
        }
        const uint64_t sum = checksum_sum_short(frame.data() + kUpper, covered);
        if (checksum_good(checksum_add(pseudo_sum, sum))) [[likely]]
            return DropReason::None;
    }
    return parse_any(frame, options, l4_checksum_good, headers);
}

}  // namespace ravelin
