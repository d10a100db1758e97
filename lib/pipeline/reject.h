// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "pipeline/packet.h"

#include <array>
#include <cstdint>
#include <span>

namespace ravelin {

/// The longest answer: an IPv6 packet of its least MTU behind Ethernet and two VLAN tags.
inline constexpr size_t kLongestRejection = 22 + 1280;

/// Whether anybody may be told about the packet's fate: no error about errors, fragments,
/// broadcasts or resets (RFC 1122 3.2.2, RFC 4443 2.4 (e), RFC 9293 3.10.7.1).
[[nodiscard]] bool may_be_rejected(const Packet& packet) noexcept;

/// The frame that tells the packet's sender: a TCP reset, else ICMP port unreachable, from the
/// address that the packet was for. Returns its length. `out` holds kLongestRejection bytes.
uint32_t build_rejection(const Packet& packet, std::span<uint8_t, kLongestRejection> out) noexcept;

}  // namespace ravelin
