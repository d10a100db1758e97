// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/result.h"

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace ravelin {

enum class Family : uint8_t { None, Ipv4, Ipv6 };

/// An IPv4 or IPv6 address in 16 bytes, network order, IPv4 as v4-mapped (RFC 4291 2.5.5.2).
struct Address {
    std::array<uint8_t, 16> bytes{};

    static Address from_ipv4(const uint8_t* network_order) noexcept;
    static Address from_ipv6(const uint8_t* network_order) noexcept;
    /// Dotted quad or RFC 4291 text; nothing else (no zone, no port, no name).
    static Result<Address> parse(std::string_view text);

    [[nodiscard]] bool is_ipv4() const noexcept;
    /// RFC 5952 text, or dotted quad for IPv4.
    [[nodiscard]] std::string to_string() const;
    auto operator<=>(const Address&) const noexcept = default;
};

/// An address block. `length` counts from the first of the 128 bits, so 10.0.0.0/8 has 104.
struct Prefix {
    Address address{};
    uint8_t length = 0;
    /// Which family was written; `0.0.0.0/0` and `::/0` differ.
    Family family = Family::None;

    /// "10.0.0.0/8", "2001:db8::/32", or a single address. Host bits that are set are an error.
    static Result<Prefix> parse(std::string_view text);
    [[nodiscard]] bool contains(const Address& candidate) const noexcept;
    [[nodiscard]] std::string to_string() const;
    bool operator==(const Prefix&) const noexcept = default;
};

struct PortRange {
    uint16_t first = 0;
    uint16_t last = 65535;
    bool operator==(const PortRange&) const noexcept = default;
};

}  // namespace ravelin
