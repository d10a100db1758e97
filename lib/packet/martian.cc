// SPDX-License-Identifier: BSD-3-Clause
#include "packet/martian.h"

#include <algorithm>

namespace ravelin {
namespace {

bool is_zero(std::span<const uint8_t> bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](uint8_t byte) { return byte == 0; });
}

/// ::1 (RFC 4291 2.5.3).
bool is_loopback(std::span<const uint8_t, 16> address) {
    return is_zero(address.first<15>()) && address[15] == 1;
}

/// ::ffff:0:0/96 is a notation, never an address on a wire (RFC 4291 2.5.5.2, RFC 6890 table 20);
/// let through it would be taken for the IPv4 address.
bool is_mapped(std::span<const uint8_t, 16> address) {
    return is_zero(address.first<10>()) && address[10] == 0xff && address[11] == 0xff;
}

}  // namespace

DropReason check_martian_ipv4(uint32_t source, uint32_t destination,
                              bool is_dhcp_request) noexcept {
    const auto from = static_cast<uint8_t>(source >> 24);
    const auto to = static_cast<uint8_t>(destination >> 24);
    const bool asks_for_address = source == 0 && is_dhcp_request;
    if (may_be_martian_ipv4(from, 1) && !asks_for_address) return DropReason::MartianSource;
    if (may_be_martian_ipv4(1, to)) return DropReason::MartianDestination;
    return source == destination ? DropReason::Land : DropReason::None;
}

DropReason check_martian_ipv6(std::span<const uint8_t, 16> source,
                              std::span<const uint8_t, 16> destination,
                              bool may_be_unspecified) noexcept {
    const bool unspecified = is_zero(source);
    if (source[0] == 0xff || is_loopback(source) || is_mapped(source) ||
        (unspecified && !may_be_unspecified)) {
        return DropReason::MartianSource;
    }
    if (is_zero(destination) || is_loopback(destination) || is_mapped(destination)) {
        return DropReason::MartianDestination;
    }
    return std::equal(source.begin(), source.end(), destination.begin()) ? DropReason::Land
                                                                         : DropReason::None;
}

}  // namespace ravelin
