// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/byteorder.h"
#include "packet/drop_reason.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace ravelin {

/// A fixed IPv6 header (RFC 8200 3) that lies wholly inside the bytes it was parsed from.
class Ipv6 {
  public:
    static constexpr size_t kLength = 40;
    static constexpr size_t kSourceOffset = 8;

    /// Nothing when the header is cut short or isn't version 6.
    static std::optional<Ipv6> parse(std::span<const uint8_t> packet) noexcept {
        if (packet.size() < kLength || packet[0] >> 4 != 6) return {};
        return Ipv6{packet.first<kLength>()};
    }

    [[nodiscard]] uint16_t payload_length() const noexcept { return load_be16(&header_[4]); }
    [[nodiscard]] uint8_t next_header() const noexcept { return header_[6]; }
    [[nodiscard]] uint8_t hop_limit() const noexcept { return header_[7]; }
    [[nodiscard]] std::span<const uint8_t, 16> source() const noexcept {
        return header_.subspan<kSourceOffset, 16>();
    }
    [[nodiscard]] std::span<const uint8_t, 16> destination() const noexcept {
        return header_.subspan<24, 16>();
    }

  private:
    explicit Ipv6(std::span<const uint8_t, kLength> header) noexcept : header_{header} {}
    std::span<const uint8_t, kLength> header_;
};

/// What stands between the fixed header and the upper-layer header.
struct ExtensionChain {
    uint8_t protocol = 0;          ///< what follows the chain
    uint16_t length = 0;           ///< bytes
    bool is_fragment = false;      ///< but not an atomic one (RFC 6946)
    bool is_atomic = false;        ///< a fragment header, but nothing is missing
    uint16_t fragment_offset = 0;  ///< bytes
    uint16_t fragment_data = 0;    ///< bytes of the chain up to and with its fragment header
};

[[nodiscard]] bool is_extension_header(uint8_t next_header) noexcept;

/// Walks the extension headers at the start of `bytes`, the first of which is of the type `next`.
///
/// Stricter than RFC 8200 4.1 asks of hosts: hop-by-hop first only, each header at most once,
/// destination options twice (so five in all), at most 512 bytes, so that nobody can hide a port or
/// burn time in a chain (threats T46, RFC 9098). What follows a fragment with an offset is payload
/// and isn't walked; a first fragment that ends inside its chain leaves `protocol` at the header
/// that is cut (RFC 7112). AH and whatever else isn't known as an extension header ends the chain:
/// it is an upper-layer protocol here, tracked by its addresses.
/// Returns None, Ipv6RoutingHeader, Ipv6Jumbogram, Ipv6NoNextHeader, Ipv6HopByHopOptions or one of
/// the Ipv6Extension... reasons.
DropReason walk_extension_headers(uint8_t next, std::span<const uint8_t> bytes,
                                  bool refuse_routing_header, ExtensionChain& chain) noexcept;

}  // namespace ravelin
