// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "packet/headers.h"
#include "script.h"

#include <array>
#include <compare>
#include <cstdint>
#include <span>
#include <vector>

namespace ravelin::differential {

using Bytes = std::vector<uint8_t>;

/// The hosts of one sequence, by three bits of their addresses' last byte.
enum class Host : uint8_t { Client = 1, Server = 2, Router = 3, Stranger = 4 };

/// Numbers of sequences whose addresses differ.
inline constexpr uint32_t kAddressBlocks = 1U << 22;
/// Network order; IPv4: four bytes are used.
[[nodiscard]] std::array<uint8_t, 16> address_of(uint32_t number, Family family, Host host);
/// The sequence that a connection belongs to; UINT32_MAX when neither address is of a block.
[[nodiscard]] uint32_t owner_of(const Tuple& tuple);

/// What stands in front of the upper layer.
struct Envelope {
    Family family = Family::Ipv4;
    std::array<uint8_t, 16> source{};
    std::array<uint8_t, 16> destination{};
    uint8_t protocol = 0;
    uint8_t ttl = 64;
    uint8_t ecn = 0;  ///< DSCP belongs to the oracle
    uint16_t id = 0;
    uint16_t vlan = 0;  ///< 0: no tag
};

/// Where things stand in a frame that write_frame() made.
struct Place {
    size_t l3 = 0;
    size_t l4 = 0;
    uint8_t protocol = 0;
    Family family = Family::None;
};

/// Ethernet, IP and the upper layer, sealed. MAC addresses are left to the sender.
Place write_frame(const Envelope& envelope, std::span<const uint8_t> upper, Bytes& frame);

/// Lengths stay; checksums of IPv4 and of TCP, UDP and ICMP become right.
void seal(Bytes& frame, const Place& place);
void seal_ipv4_header(std::span<uint8_t> header);

/// The VLAN id, 0 without a tag.
[[nodiscard]] uint16_t tag_of(std::span<const uint8_t> frame);

/// Reads the place of a frame without extension headers.
[[nodiscard]] Place place_of(std::span<const uint8_t> frame);

/// The same for a frame with IPv4 options, or hop-by-hop, routing, destination options and fragment
/// headers of IPv6.
[[nodiscard]] Place place_behind_options(std::span<const uint8_t> frame);

/// Bytes of its datagram that a frame carries, the upper layer's header being the first.
struct Extent {
    size_t from = 0;
    size_t to = 0;
    auto operator<=>(const Extent&) const = default;
};
[[nodiscard]] Extent extent_of(std::span<const uint8_t> frame);

/// The datagram that these are fragments of, as one frame; empty when bytes of it are missing.
[[nodiscard]] Bytes datagram_of(std::span<const std::span<const uint8_t>> fragments);

/// The addresses of a frame.
[[nodiscard]] std::array<uint8_t, 16> source_of(std::span<const uint8_t> frame, const Place& at);
[[nodiscard]] std::array<uint8_t, 16> destination_of(std::span<const uint8_t> frame,
                                                     const Place& at);

}  // namespace ravelin::differential
