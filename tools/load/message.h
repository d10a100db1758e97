// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

namespace ravelin::load {

/// The ends of the wire. Clients, who open connections, are outside; servers answer inside.
enum class Side : uint8_t { Outside, Inside };

[[nodiscard]] constexpr Side other(Side side) noexcept {
    return side == Side::Outside ? Side::Inside : Side::Outside;
}
[[nodiscard]] constexpr unsigned index_of(Side side) noexcept {
    return static_cast<unsigned>(side);
}

/// What a frame is for.
enum class Kind : uint8_t {
    UdpData,
    FirstFragment,  ///< of a client's UDP datagram
    LastFragment,
    TcpSyn,
    TcpSynAck,
    TcpAck,  ///< of the server's SYN or FIN
    TcpData,
    TcpFin,
    TcpFinAck,
    IcmpError,  ///< from a router inside, about a client's packet
};

/// The protocols of a connection, and which one of them it is.
struct Flow {
    uint32_t tuple = 0;  ///< addresses and ports follow from it; no two live connections share one
    bool ipv6 = false;
    bool tcp = false;
};

/// One packet of a connection, before it has bytes.
struct Message {
    uint32_t connection = 0;
    Flow flow;
    uint32_t sequence = 0;  ///< TCP
    uint32_t ack = 0;       ///< TCP
    Kind kind = Kind::UdpData;
    bool opens = false;  ///< belongs to the exchange that opens the connection
};

}  // namespace ravelin::load
