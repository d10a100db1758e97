// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "conntrack/close_reason.h"
#include "conntrack/tracker.h"
#include "packet/address.h"

#include <array>
#include <cstdint>
#include <span>

namespace ravelin {

// What goes in and out of the table of tunnels (tunnels.h).

/// A new UDP connection, as its first packet shows it; or one of TCP, as its first record does; or
/// one of ESP or AH, which has no ports.
struct TunnelFirst {
    uint32_t connection = 0;
    std::array<Address, 2> address{};  ///< source, destination
    std::array<uint16_t, 2> port{};
    uint8_t ip_protocol = 0;
    uint8_t wire = 0;
    bool from_inside = false;
    std::span<const uint8_t> payload{};
};

/// One packet of a tunnel's connection; of TCP one record.
struct TunnelPacket {
    uint32_t connection = 0;
    Direction direction = Direction::Original;
    std::span<const uint8_t> payload{};
    bool fragmented = false;           ///< it is a datagram that came in fragments
    bool without_udp = false;          ///< ESP, or AH from its SPI on
    std::array<uint32_t, 2> passed{};  ///< by Direction: data that passed by before it
};

/// One segment of a TCP connection. Its bytes are what the packet has of TCP's stream.
struct TunnelSegment {
    uint32_t connection = 0;
    Direction direction = Direction::Original;
    uint32_t sequence = 0;         ///< of the first byte
    uint32_t acknowledgement = 0;  ///< what its sender expects next
    uint8_t flags = 0;             ///< of the TCP header
    std::span<const uint8_t> payload{};
};

/// What the connection has to do about a packet.
struct TunnelEffect {
    bool changed = false;          ///< look at the rest
    bool watched = true;           ///< false: it is no tunnel after all, or its slot is gone
    Duration timeout{};            ///< idle timeout that it needs at least; zero: its own
    uint32_t handle = 0;           ///< the connection carries this one from now on; 0: no change
    uint32_t buried = UINT32_MAX;  ///< connection of an address that the client has left
    bool completed = false;        ///< data has gone both ways for the first time
    bool close = false;            ///< end the connection, with this packet
    CloseReason reason = CloseReason::None;
    Direction by = Direction::Original;
};

}  // namespace ravelin
