// SPDX-License-Identifier: BSD-3-Clause
#include "conntrack/related.h"

#include "base/byteorder.h"
#include "packet/parse.h"

#include <algorithm>
#include <cstring>

namespace ravelin {

namespace {

// Types that may be a router's or host's honest word about a packet (threats T09).
constexpr uint8_t kV4Unreachable = 3;
constexpr uint8_t kV4TimeExceeded = 11;
constexpr uint8_t kV4ParameterProblem = 12;
constexpr uint8_t kV4FragmentationNeeded = 4;  // code of 3
constexpr uint8_t kV6Unreachable = 1;
constexpr uint8_t kV6PacketTooBig = 2;
constexpr uint8_t kV6TimeExceeded = 3;
constexpr uint8_t kV6ParameterProblem = 4;

constexpr size_t kIcmpHeader = 8;
constexpr uint32_t kMinMtuV4 = 68;    // RFC 791 3.2
constexpr uint32_t kMinMtuV6 = 1280;  // RFC 8200 5

/// Source quench (RFC 6633) and redirect are nowhere here: nobody sends them for a good reason.
bool is_known_v4(uint8_t type, uint8_t code) noexcept {
    switch (type) {
        case kV4Unreachable:
            return code <= 15;  // RFC 792, RFC 1122 3.2.2.1, RFC 1812 5.2.7.1
        case kV4TimeExceeded:
            return code <= 1;  // RFC 792
        case kV4ParameterProblem:
            return code <= 2;  // RFC 792, RFC 1122 3.2.2.5 (1), RFC 1108 (2)
        default:
            return false;
    }
}

bool is_known_v6(uint8_t type, uint8_t code) noexcept {
    switch (type) {
        case kV6Unreachable:
            return code <= 8;  // RFC 4443 3.1 (0 to 6), RFC 6550 (7), RFC 8883 (8)
        case kV6PacketTooBig:
            return code == 0;  // RFC 4443 3.2
        case kV6TimeExceeded:
            return code <= 1;  // RFC 4443 3.3
        case kV6ParameterProblem:
            return code <= 10;  // RFC 4443 3.4, RFC 7112 (3), RFC 8754 (4), RFC 8883 (5 to 10)
        default:
            return false;
    }
}

bool is_acceptable(const Headers& outer, bool known_codes_only) noexcept {
    if (!is_icmp_error(outer.family, outer.icmp_type)) return false;
    if (!known_codes_only) return true;
    return outer.family == Family::Ipv6 ? is_known_v6(outer.icmp_type, outer.icmp_code)
                                        : is_known_v4(outer.icmp_type, outer.icmp_code);
}

/// True unless the error names a path MTU that can't be (threats T08): below what every link
/// carries, or not below the packet that is said to have been too big. Zero, which routers older
/// than RFC 1191 sent, is refused with the rest: hosts take it for the smallest path MTU there is.
bool is_plausible_mtu(const Headers& outer, const Headers& quoted, const uint8_t* icmp) noexcept {
    if (outer.family == Family::Ipv6) {
        if (outer.icmp_type != kV6PacketTooBig) return true;
        const uint32_t mtu = load_be32(icmp + 4);
        return mtu >= kMinMtuV6 && mtu < quoted.ip_length;
    }
    if (outer.icmp_type != kV4Unreachable || outer.icmp_code != kV4FragmentationNeeded) return true;
    const uint32_t mtu = load_be16(icmp + 6);  // RFC 1191 4
    return mtu >= kMinMtuV4 && mtu < quoted.ip_length;
}

/// Outer destination and quoted source are one. parse() and parse_quoted() have proven both fixed
/// headers.
bool goes_to_sender(Family family, const uint8_t* outer, const uint8_t* quoted) noexcept {
    return family == Family::Ipv6 ? std::memcmp(outer + 24, quoted + 8, 16) == 0
                                  : std::memcmp(outer + 16, quoted + 12, 4) == 0;
}

}  // namespace

DropReason read_icmp_error(const Headers& outer, std::span<const uint8_t> l3,
                           const TrackingOptions& options, QuotedError& error) noexcept {
    error = {};
    if (!is_acceptable(outer, options.icmp_error_known_codes_only))
        return DropReason::IcmpTypeRefused;

    const size_t icmp_offset = static_cast<size_t>(outer.l4_offset) - outer.l3_offset;
    const size_t quote_offset = icmp_offset + kIcmpHeader;
    // What follows the packet by IP's word is padding and quotes nothing.
    const size_t length = std::min<size_t>(l3.size(), outer.ip_length);
    if (length < quote_offset) return DropReason::IcmpErrorMalformed;
    const auto quote = l3.subspan(quote_offset, length - quote_offset);
    error.quoted_offset = static_cast<uint16_t>(quote_offset);
    const DropReason reason =
        parse_quoted(quote, outer.family, options.quote, error.quoted, error.tcp_sequence);
    if (reason != DropReason::None) return reason;

    error.destination_matches = goes_to_sender(outer.family, l3.data(), quote.data());
    if (options.icmp_error_check_mtu &&
        !is_plausible_mtu(outer, error.quoted, l3.data() + icmp_offset)) {
        return DropReason::IcmpErrorMtu;
    }
    return error.destination_matches ? DropReason::None : DropReason::IcmpErrorDestination;
}

}  // namespace ravelin
