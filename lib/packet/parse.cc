// SPDX-License-Identifier: BSD-3-Clause
#include "packet/parse.h"

#include "packet/ipv6.h"
#include "packet/parse_any.h"
#include "packet/plain.h"

namespace ravelin {
namespace {

/// A fragment, nothing wrong with it.
bool parse_plain_fragment(std::span<const uint8_t> frame, Headers& headers) noexcept {
    using namespace plain;
    if (!has_plain_header(frame)) return false;
    const Header ip{frame.data() + kIp};
    if (!ip.is_fragment() || !is_good(ip, frame)) return false;
    headers = {.ether_type = ether_type::kIpv4,
               .family = Family::Ipv4,
               .protocol = ip.protocol(),
               .l3_offset = kIp,
               .l4_offset = kUpper,
               .ip_length = ip_length(frame),
               .l4_length = ip_length(frame) - static_cast<uint32_t>(Ipv4::kMinimumLength),
               .ttl = ip.ttl(),
               .is_fragment = true,
               .fragment_offset = ip.fragment_offset(),
               .fragment_data = kUpper};
    return true;
}

/// parse_plain() for IPv6: untagged, TCP or UDP right behind its header. Addresses that begin with
/// zeros or are multicast, and whatever else may be wrong, go the long way.
bool parse_plain_ipv6(std::span<const uint8_t> frame, bool verify_checksum,
                      Headers& headers) noexcept {
    using namespace plain;
    constexpr size_t kUpper6 = kIp + Ipv6::kLength;
    constexpr uint32_t kTypeAndVersion = ether_type::kIpv6 << 4 | 6;
    if (frame.size() < kUpper6 + Udp::kLength) return false;
    const uint8_t* const ip = frame.data() + kIp;
    const uint32_t length = load_be16(ip + 4);
    if (load_be32(ip - 2) >> 12 != kTypeAndVersion || length < Udp::kLength ||
        length > frame.size() - kUpper6) {
        return false;
    }
    const uint8_t* const addresses = ip + Ipv6::kSourceOffset;
    const uint64_t source = load_be64(addresses);
    const uint64_t destination = load_be64(addresses + 16);
    const uint8_t hop_limit = ip[7];
    if (hop_limit == 0 || source == 0 || destination == 0 || source >> 56 == 0xff ||
        (source == destination && load_be64(addresses + 8) == load_be64(addresses + 24))) {
        return false;
    }
    Upper read;
    const Network network{.ether_type = ether_type::kIpv6,
                          .family = Family::Ipv6,
                          .protocol = ip[6],
                          .ttl = hop_limit,
                          .header_length = Ipv6::kLength,
                          .upper_length = length};
    if (!read_upper(frame.data(), network, headers, read)) return false;
    return !verify_checksum || !read.has_checksum ||
           is_upper_sum_good(frame.data() + kUpper6, read.covered,
                             checksum_pseudo_ipv6(addresses, network.protocol, read.covered));
}

}  // namespace

DropReason parse(std::span<const uint8_t> frame, const ParseOptions& options, bool l4_checksum_good,
                 Headers& headers) noexcept {
    if (parse_plain(frame, options.verify_checksums && !l4_checksum_good, headers))
        return DropReason::None;
    return parse_rare(frame, options, l4_checksum_good, headers);
}

DropReason parse_rare(std::span<const uint8_t> frame, const ParseOptions& options,
                      bool l4_checksum_good, Headers& headers) noexcept {
    const bool verify = options.verify_checksums && !l4_checksum_good;
    if (parse_plain_fragment(frame, headers) || parse_plain_ipv6(frame, verify, headers))
        return DropReason::None;
    return parse_any(frame, options, l4_checksum_good, headers);
}

}  // namespace ravelin
