// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/byteorder.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace ravelin {

/// The first eight bytes of an ICMP or ICMPv6 message (RFC 792, RFC 4443 2.1).
class Icmp {
  public:
    static constexpr size_t kLength = 8;

    /// Nothing below eight bytes: no message is shorter, and netfilter wants as many.
    static std::optional<Icmp> parse(std::span<const uint8_t> message) noexcept {
        if (message.size() < kLength) return {};
        return Icmp{message.first<kLength>()};
    }

    [[nodiscard]] uint8_t type() const noexcept { return header_[0]; }
    [[nodiscard]] uint8_t code() const noexcept { return header_[1]; }
    [[nodiscard]] uint16_t type_and_code() const noexcept { return load_be16(&header_[0]); }
    /// Of a query and its reply.
    [[nodiscard]] uint16_t identifier() const noexcept { return load_be16(&header_[4]); }

  private:
    explicit Icmp(std::span<const uint8_t, kLength> header) noexcept : header_{header} {}
    std::span<const uint8_t, kLength> header_;
};

/// Neighbour and router discovery, redirect included (RFC 4861 4).
[[nodiscard]] constexpr bool is_neighbour_discovery(uint8_t icmpv6_type) noexcept {
    return icmpv6_type >= 133 && icmpv6_type <= 137;
}

}  // namespace ravelin
