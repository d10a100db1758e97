// SPDX-License-Identifier: BSD-3-Clause
#include "packet/martian.h"

#include "base/byteorder.h"

namespace ravelin {
namespace {

/// An IPv6 address as two numbers.
struct Halves {
    uint64_t high;
    uint64_t low;

    explicit Halves(std::span<const uint8_t, 16> bytes) noexcept
        : high{load_be64(&bytes[0])}, low{load_be64(&bytes[8])} {}

    [[nodiscard]] bool is_unspecified() const noexcept { return (high | low) == 0; }
    [[nodiscard]] bool is_multicast() const noexcept { return high >> 56 == 0xff; }
    /// ::1 (RFC 4291 2.5.3); ::ffff:0:0/96 is a notation, never an address on a wire (RFC 4291
    /// 2.5.5.2, RFC 6890 table 20): let through it would be taken for the IPv4 address.
    [[nodiscard]] bool is_loopback_or_mapped() const noexcept {
        return high == 0 && (low == 1 || low >> 32 == 0xffff);
    }
};

}  // namespace

DropReason check_martian_ipv4(uint32_t source, uint32_t destination,
                              bool is_dhcp_request) noexcept {
    const auto from = static_cast<uint8_t>(source >> 24);
    const auto to = static_cast<uint8_t>(destination >> 24);
    const bool asks_for_address = source == 0 && is_dhcp_request;
    if (may_be_martian_source(from) && !asks_for_address) return DropReason::MartianSource;
    if (is_martian_destination(to)) return DropReason::MartianDestination;
    return source == destination ? DropReason::Land : DropReason::None;
}

DropReason check_martian_ipv6(std::span<const uint8_t, 16> source,
                              std::span<const uint8_t, 16> destination,
                              bool may_be_unspecified) noexcept {
    const Halves from{source};
    const Halves to{destination};
    if (from.is_multicast() || from.is_loopback_or_mapped() ||
        (from.is_unspecified() && !may_be_unspecified)) {
        return DropReason::MartianSource;
    }
    if (to.is_unspecified() || to.is_loopback_or_mapped()) return DropReason::MartianDestination;
    return from.high == to.high && from.low == to.low ? DropReason::Land : DropReason::None;
}

}  // namespace ravelin
